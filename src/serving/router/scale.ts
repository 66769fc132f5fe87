import type { ScaleRule } from "../backend.ts";

/** What is kept from one look to the next; times in milliseconds. */
export interface ScaleState {
  /** Workers that are wanted. */
  workers: number;
  /** When that many were last needed. */
  neededAt: number;
  /** The most that were needed since then. */
  neededSince: number;
}

export interface ScaleInput {
  /** Workers at least. */
  min: number;
  rule: ScaleRule | undefined;
  /** Requests under way or waiting: the mean of the latest moments. */
  load: number;
  /** When the latest request came. */
  requestAt: number;
  now: number;
}

/** So long fewer workers must have been enough before one goes; less where `idleMs` is. */
export const QUIET_MS = 60_000;

/**
 * How many workers a variant should have: up at once as far as the load asks for, down to what was needed when that has
 * been less for a quiet time, to none when nobody has asked for `idleMs`.
 */
export function scale(state: ScaleState, { min, rule, load, requestAt, now }: ScaleInput): ScaleState {
  const stay = (workers: number): ScaleState => ({ workers, neededAt: now, neededSince: 0 });
  if (rule === undefined) return stay(min);
  const isIdle = now - requestAt >= rule.idleMs;
  if (isIdle && min === 0 && load === 0) return stay(0);
  const needed = clamp(Math.ceil(load / rule.concurrency), Math.max(1, min), Math.max(1, min, rule.max));
  if (needed >= state.workers) return stay(needed);
  const neededSince = Math.max(state.neededSince, needed);
  if (now - state.neededAt >= Math.min(QUIET_MS, rule.idleMs)) return stay(neededSince);
  return { ...state, neededSince };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
