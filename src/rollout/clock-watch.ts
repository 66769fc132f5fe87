import { shiftTimers } from "./commands/timers.ts";
import type { RolloutDeps } from "./deps.ts";
import { createMutex } from "./mutex.ts";

/** More than this between two passes is a jump: somebody set the clock, or the machine slept. */
const JUMP_MS = 5_000;

/**
 * Compares the time of day with a clock that only goes on. Deadlines are times of day, since they outlive the process;
 * when that time jumps they are moved along, durably, before anything is decided by them. The answered function
 * resolves when that is done; call it before each pass.
 */
export function createClockWatch({ clock, db, log }: Pick<RolloutDeps, "clock" | "db" | "log">) {
  const alone = createMutex();
  let last = reading();

  function reading(): { now: number; ticks: number } {
    const now = clock.now();
    return { now, ticks: clock.ticks?.() ?? now };
  }

  return (): Promise<void> =>
    alone(async () => {
      const next = reading();
      const by = next.now - last.now - (next.ticks - last.ticks);
      if (Math.abs(by) > JUMP_MS) {
        log(`the clock jumped by ${Math.round(by)} ms: deadlines of rollouts are moved by that`, undefined);
        await db.write(shiftTimers, { by });
      }
      // Only now, so that a write that failed is tried again.
      last = next;
    });
}
