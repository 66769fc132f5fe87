import type { RolloutDeps } from "./deps.ts";
import type { VariantRef } from "../serving/backend.ts";

const REQUESTS = 2_000;
const LONGEST_MS = 1_500;
/** Enough that a worker is never idle, and what a few callers send at once. */
const AT_ONCE = 4;

/**
 * Sends a version its own example again and again before anybody compares it: a fresh worker is several times slower
 * until the runtime has compiled what it runs often, and at a first share of 5 % that would take hundreds of
 * callers' requests. The champion has had them. Ends early when the version can't keep up; what it answers was
 * checked before.
 */
export async function rehearse(
  { backend, clock }: Pick<RolloutDeps, "backend" | "clock">,
  ref: VariantRef,
  v2Body: string,
  signal: AbortSignal,
): Promise<void> {
  const until = clock.now() + LONGEST_MS;
  let left = REQUESTS;
  async function lane(): Promise<void> {
    while (left-- > 0 && clock.now() < until && !signal.aborted) {
      // It was checked before and is rehearsed for others' sake: one that fails here shows it to the test of errors.
      await backend.probe(ref, v2Body, signal).catch(() => (left = 0));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
