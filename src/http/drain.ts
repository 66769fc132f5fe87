import type { Server } from "node:http";

const SWEEP_MS = 50;

/** From now on the answer to a connection's next request is its last: a busy caller's connection never falls idle. */
export function answerLast(server: Server): void {
  // Counted from here on only, and said in the answer (`Connection: close`).
  server.maxRequestsPerSocket = 1;
}

/**
 * Waits until every request under way is answered, for at most `withinMs`, closing connections as they fall idle. New
 * connections are for the caller to keep away.
 * @param lingerMs for which idle connections are left: closing one in the moment of its next request would fail that
 * @param open how many connections there are, where others than the server's own were given to it
 */
export async function drained(
  server: Server,
  withinMs: number,
  { lingerMs = 0, open }: { lingerMs?: number; open?: () => number } = {},
): Promise<void> {
  answerLast(server);
  const from = performance.now();
  while (performance.now() - from < withinMs) {
    if (performance.now() - from >= lingerMs) server.closeIdleConnections();
    if ((await accepted(server)) + (open?.() ?? 0) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, SWEEP_MS));
  }
}

function accepted(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error ? 0 : count)));
}
