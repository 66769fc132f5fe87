import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

interface ProcessInfo {
  pid: number;
  /** Process group. */
  group: number;
  /** Ended, but not yet fetched by its parent: holds nothing. */
  zombie: boolean;
  /** When it started, in the system's own words: equal only for the same process of the same boot. */
  started: string;
}

/** What the operating system says of its processes. */
export interface ProcessTable {
  list(): Promise<ProcessInfo[]>;
  find(pid: number): Promise<ProcessInfo | undefined>;
  /** Processes that were started with an environment variable that begins so (`NAME=prefix`), zombies left out. */
  withVariable(start: string): Promise<number[]>;
  /**
   * Bytes of memory that a whole process group has in use. Shared pages are counted once for each process while that
   * is below `limit`; above it they are divided among their users where the system tells.
   */
  memory(group: number, limit: number): Promise<number>;
}

/** The table of this machine: /proc where there is one, else `ps`. */
export function systemProcessTable(platform: NodeJS.Platform): ProcessTable {
  return platform === "linux" ? linuxTable() : psTable();
}

function linuxTable(): ProcessTable {
  const boot = readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  const find = (pid: number): ProcessInfo | undefined => {
    const stat = readText(`/proc/${pid}/stat`);
    if (stat === undefined) return undefined;
    // The name in parentheses may hold blanks and parentheses; fields are counted from behind it (man 5 proc).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, , group] = fields;
    return {
      pid,
      group: Number(group),
      zombie: state === "Z" || state === "X",
      started: `${boot}/${fields[19]}`,
    };
  };
  const list = (): ProcessInfo[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => find(Number(name)) ?? []);
  return {
    list: async () => list(),
    find: async (pid) => find(pid),
    withVariable: async (start) =>
      list()
        .filter(({ zombie }) => !zombie)
        .map(({ pid }) => pid)
        .filter((pid) =>
          readText(`/proc/${pid}/environ`)
            ?.split("\0")
            .some((text) => text.startsWith(start)),
        ),
    async memory(group, limit) {
      const pids = list().flatMap((process) => (process.group === group ? process.pid : []));
      const sum = (bytesOf: (pid: number) => number): number =>
        pids.reduce((bytes, pid) => bytes + bytesOf(pid), 0);
      const resident = sum(residentMemory);
      return resident <= limit ? resident : sum(proportionalMemory);
    },
  };
}

function residentMemory(pid: number): number {
  return kibibytes(/^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? ""));
}

/** Shared pages divided among those who share them, so that forked workers aren't counted many times over. */
function proportionalMemory(pid: number): number {
  const shared = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`) ?? "");
  return shared ? kibibytes(shared) : residentMemory(pid);
}

function kibibytes(match: RegExpExecArray | null): number {
  return Number(match?.[1] ?? 0) * 1024;
}

/** `undefined` when the process has ended meanwhile, or isn't ours to read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const run = promisify(execFile);

function psTable(): ProcessTable {
  const rows = async (): Promise<(ProcessInfo & { bytes: number })[]> => {
    const { stdout } = await run("ps", ["-axo", "pid=,pgid=,stat=,rss=,lstart="], {
      env: { PATH: "/bin:/usr/bin", LC_ALL: "C" },
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout.split("\n").flatMap((row) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(.+?)\s*$/.exec(row);
      if (!match) return [];
      const [, pid, group, state = "", kibibytes, started = ""] = match;
      return {
        pid: Number(pid),
        group: Number(group),
        zombie: state.startsWith("Z"),
        started,
        bytes: Number(kibibytes) * 1024,
      };
    });
  };
  return {
    list: rows,
    find: async (pid) => (await rows()).find((row) => row.pid === pid),
    async withVariable(start) {
      // BSD's `e` shows the environment behind the command, of one's own processes only.
      const { stdout } = await run("ps", ["axeww", "-o", "pid=,stat=,command="], {
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout.split("\n").flatMap((row) => {
        const [, pid, state = ""] = /^\s*(\d+)\s+(\S+)/.exec(row) ?? [];
        return !state.startsWith("Z") && row.includes(` ${start}`) ? Number(pid) : [];
      });
    },
    async memory(group) {
      const own = (await rows()).filter((row) => row.group === group);
      return own.reduce((sum, row) => sum + row.bytes, 0);
    },
  };
}
