/** Longest wait between two attempts: a doubling wait would soon be longer than anybody means. */
const MAX_BACKOFF_MS = 10 * 60_000;

/**
 * Whether a step that failed gets another attempt, and how long to wait before it, in milliseconds.
 * `failures` counts attempts that failed by themselves; one that was interrupted by the end of the platform is
 * not among them. The wait doubles each time: backoff, 2 backoff, 4 backoff, …
 */
export function nextAttempt(
  step: { retries: number; backoff: number },
  failures: number,
): { again: false } | { again: true; waitMs: number } {
  if (failures > step.retries) return { again: false };
  return { again: true, waitMs: Math.min(step.backoff * 2 ** Math.max(failures - 1, 0), MAX_BACKOFF_MS) };
}
