import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

export interface ProcessInfo {
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
  /** Whether the process was started with an environment variable that begins so (`NAME=prefix`). */
  hasVariable(pid: number, start: string): Promise<boolean>;
  /** Bytes of memory that a whole process group has in use. */
  memory(group: number): Promise<number>;
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
    hasVariable: async (pid, start) =>
      (readText(`/proc/${pid}/environ`) ?? "").split("\0").some((variable) => variable.startsWith(start)),
    async memory(group) {
      let bytes = 0;
      for (const process of list()) if (process.group === group) bytes += proportionalMemory(process.pid);
      return bytes;
    },
  };
}

/** Shared pages divided among those who share them, so that forked workers aren't counted many times over. */
function proportionalMemory(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`) ?? "");
  const found = pss ?? /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? "");
  return found ? Number(found[1]) * 1024 : 0;
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
    async hasVariable(pid, start) {
      // BSD's `e` shows the environment behind the command, of one's own processes only.
      const shown = await run("ps", ["eww", "-o", "command=", "-p", String(pid)]).catch(() => undefined);
      return shown?.stdout.includes(` ${start}`) ?? false;
    },
    async memory(group) {
      const own = (await rows()).filter((row) => row.group === group);
      return own.reduce((sum, row) => sum + row.bytes, 0);
    },
  };
}
