import type { WorkerConnection } from "./worker-connection.ts";

/** A worker that keeps requests waiting so long is given up: twice their deadline, and at least this. */
const HANGS_MS = 2_000;
/** Well beyond what it has ever taken: so many times that, and at least so long. */
const TIMES_LONGEST = 10;
const LONG_MS = 500;
const SHORTEST_MS = 100;
const SHARE_OF_DEADLINE = 0.25;

type Heard = Pick<WorkerConnection, "silence" | "longestSilence" | "patience">;

/** True when another worker should be asked as well: a slow model and one that hangs look alike from here. */
export function isSilent(connection: Heard, now: number): boolean {
  return connection.silence(now) > silentAfter(connection);
}

/** True when nothing is to be hoped for any more. */
export function hangs(connection: Heard, now: number): boolean {
  return connection.silence(now) > Math.max(HANGS_MS, 2 * connection.patience);
}

function silentAfter({ longestSilence, patience }: Heard): number {
  const share = SHARE_OF_DEADLINE * patience;
  const usual = longestSilence === undefined ? Infinity : Math.max(LONG_MS, TIMES_LONGEST * longestSilence);
  return Math.max(SHORTEST_MS, Math.min(share, usual));
}
