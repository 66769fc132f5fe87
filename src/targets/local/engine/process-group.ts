import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { SlipwayError } from "../../../http/errors.ts";
import type { Clock } from "../../../base/clock.ts";
import type { ProcessTable } from "./process-table.ts";

/** Enough to find a process group again after a restart, and to be sure that it is the same one. */
export interface ProcessRecord {
  /** Of the leader; also the number of the group. */
  pid: number;
  /** The leader's start, in the process table's words. */
  started: string;
  /** Value of SLIPWAY_STEP_TOKEN, which every descendant inherits. */
  token: string;
}

export const TOKEN_VARIABLE = "SLIPWAY_STEP_TOKEN";

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartedGroup {
  record: ProcessRecord;
  /** Lets the command begin. Until then it waits, and ends by itself when we die first. */
  release(): void;
  /** Resolves when the leader has ended, the rest of its group is gone and its output is read. */
  ended: Promise<ProcessEnd>;
}

/**
 * The command begins only when a line comes on descriptor 3: its record must be on disk first, or nobody could
 * find it after kill -9. End of file there means that we are dead. Both outputs share one pipe, in order.
 */
const GATE = 'exec 2>&1; IFS= read -r go <&3 || exit 143; exec 3<&-; exec "$@"';

/** How long output may come after the leader's end, from descendants that left the group and hold the pipe. */
const DRAIN_MS = 250;

/** Starts a command as the leader of its own process group. */
export async function startGroup(options: {
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
  token: string;
  output: (chunk: Buffer) => void;
  table: ProcessTable;
}): Promise<StartedGroup> {
  const child = spawn("/bin/sh", ["-c", GATE, "sh", ...options.argv], {
    cwd: options.cwd,
    env: { ...options.env, [TOKEN_VARIABLE]: options.token },
    detached: true,
    stdio: ["ignore", "pipe", "ignore", "pipe"],
  });
  const gate = child.stdio[3] as Writable;
  gate.on("error", () => {});
  const { stdout } = child;
  stdout?.on("data", options.output);
  stdout?.on("error", () => {});
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once("error", (error) =>
      reject(
        new SlipwayError("STEP_NOT_STARTED", `can't start a process: ${error.message}`, { cause: error }),
      ),
    );
    child.once("exit", (code, signal) => {
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      const finish = (): void => {
        clearTimeout(timer);
        stdout?.destroy();
        gate.destroy();
        resolve({ code, signal });
      };
      const timer = setTimeout(finish, DRAIN_MS);
      if (!stdout || stdout.closed) finish();
      else stdout.once("close", finish);
    });
  });
  if (child.pid === undefined) {
    await ended;
    throw new SlipwayError("STEP_NOT_STARTED", "can't start a process");
  }
  // Whoever awaits it handles a failure; nobody may be waiting yet.
  ended.catch(() => {});
  const info = await options.table.find(child.pid);
  return {
    record: { pid: child.pid, started: info?.started ?? "", token: options.token },
    release: () => void gate.end("go\n"),
    ended,
  };
}

/** Sends a signal to a whole group; false when there is none. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // EPERM: it exists, but only as something that takes no signals (a zombie on macOS).
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const LOOK_MS = 15;
/** A killed process that won't go within this is stuck in the kernel; nothing more can be done here. */
const GONE_MS = 5_000;

export interface EndDeps {
  table: ProcessTable;
  clock: Clock;
}

/** SIGTERM to the group, SIGKILL after the grace, also for descendants that left the group; resolves when all are gone. */
export async function endGroup(record: ProcessRecord, graceMs: number, deps: EndDeps): Promise<void> {
  if (graceMs > 0 && signalGroup(record.pid, "SIGTERM")) await untilGone(record.pid, graceMs, deps);
  signalGroup(record.pid, "SIGKILL");
  await killByToken(`${TOKEN_VARIABLE}=${record.token}`, deps);
  await untilGone(record.pid, GONE_MS, deps);
}

async function untilGone(group: number, waitMs: number, deps: EndDeps): Promise<void> {
  const until = deps.clock.now() + waitMs;
  while (signalGroup(group, 0) && deps.clock.now() < until) {
    const members = (await deps.table.list()).filter((info) => info.group === group && !info.zombie);
    if (members.length === 0) return;
    await deps.clock.sleep(LOOK_MS);
  }
}

/** Kills every process whose environment carries the token, wherever it moved to; repeated, since they may fork. */
export async function killByToken(variable: string, deps: EndDeps): Promise<number> {
  let killed = 0;
  for (let round = 0; round < 20; round++) {
    const found = (await deps.table.withVariable(variable)).filter((pid) => pid !== process.pid);
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    killed += found.length;
    if (found.length === 0) break;
    await deps.clock.sleep(LOOK_MS);
  }
  return killed;
}

/** Ends what a former process of ours left behind; the leader's start proves that the number wasn't given anew. */
export async function endOrphan(record: ProcessRecord, deps: EndDeps): Promise<void> {
  const leader = await deps.table.find(record.pid);
  if (leader !== undefined && leader.started === record.started && record.started !== "") {
    signalGroup(record.pid, "SIGKILL");
    await untilGone(record.pid, GONE_MS, deps);
  }
  await killByToken(`${TOKEN_VARIABLE}=${record.token}`, deps);
}
