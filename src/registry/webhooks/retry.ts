import type { Answer } from "./send.ts";

/** What one attempt came to. */
export interface Verdict {
  retry: boolean;
  /** Absent when it was taken. */
  problem?: string;
  retryAfterMs?: number;
}

/** The statuses that MLflow takes for passing. */
const PASSING = new Set([429, 500, 502, 503, 504]);
const LONGEST_MS = 60_000;
/** A receiver may ask for no more. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** A redirect is a refusal: it isn't followed. Pure. */
export function verdictOf({ status, retryAfterMs }: Answer): Verdict {
  if (status >= 200 && status < 300) return { retry: false };
  return {
    retry: PASSING.has(status),
    problem: `it answered ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** After 1, 2, 4, … up to 60 seconds, and up to one more by chance; not before the receiver asked for. Pure. */
export function retryAt(now: number, attempts: number, chance: number, retryAfterMs = 0): number {
  const backOff = Math.min(LONGEST_MS, 1000 * 2 ** (attempts - 1)) + 1000 * chance;
  return Math.ceil(now + Math.max(backOff, Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS)));
}
