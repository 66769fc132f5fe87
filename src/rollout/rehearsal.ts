import type { RolloutDeps } from "./deps.ts";
import type { VariantRef } from "../serving/backend.ts";

const REQUESTS = 2_000;
/** With fewer, the runtime hasn't compiled much of what it runs often, however long they took. */
const FEWEST = 1_000;
const LONGEST_MS = 1_500;
/** For FEWEST: where processes wait for a processor, or the model itself takes long. */
const LATEST_MS = 10_000;
/** Enough that a worker is never idle, and what a few callers send at once. */
const AT_ONCE = 4;

/**
 * Sends a version its own example again and again before anybody compares it: a fresh worker is several times slower
 * until the runtime has compiled what it runs often, and at a first share of 5 % that would take hundreds of
 * callers' requests. The champion has had them. What counts is how many there were: on a machine that starves, 1.5 s
 * were a hundred requests, and 6 of 55 equal versions were taken out for latency within seconds. Ends early when the
 * version can't keep up; what it answers was checked before.
 */
export async function rehearse(
  { backend, clock }: Pick<RolloutDeps, "backend" | "clock">,
  ref: VariantRef,
  v2Body: string,
  signal: AbortSignal,
): Promise<void> {
  const ticks = (): number => clock.ticks?.() ?? clock.now();
  const start = ticks();
  let begun = 0;
  const goesOn = (): boolean => {
    const elapsed = ticks() - start;
    return begun < REQUESTS && elapsed < (begun < FEWEST ? LATEST_MS : LONGEST_MS) && !signal.aborted;
  };
  async function lane(): Promise<void> {
    while (goesOn()) {
      begun++;
      // It was checked before and is rehearsed for others' sake: one that fails here shows it to the test of errors.
      await backend.probe(ref, v2Body, signal).catch(() => (begun = REQUESTS));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
