import { defineCommand } from "../../store/database.ts";
import { selectRollouts } from "../rows.ts";
import { duration } from "../sentences.ts";
import { enqueueEvent, subjectsOf } from "./common.ts";

/**
 * Moves the timers of all rollouts on trial by what the machine's clock has jumped, so that each has the time left
 * that it had before. `by`: milliseconds, negative when the clock was set back.
 */
export const shiftTimers = defineCommand("rollout.shift-timers", async (tx, args: { by: number }) => {
  const by = Math.round(args.by);
  const moved = await selectRollouts(tx, "ended_at IS NULL AND progressing_at IS NOT NULL", []);
  await tx.run(
    `UPDATE rollouts SET progressing_at = progressing_at + ?, phase_at = phase_at + ?, deadline_at = deadline_at + ?
     WHERE ended_at IS NULL AND progressing_at IS NOT NULL`,
    [by, by, by],
  );
  const way = by < 0 ? "back" : "ahead";
  for (const rollout of moved) {
    await enqueueEvent(tx, {
      level: "warn",
      subjects: subjectsOf(rollout),
      kind: "rollout.clock-jumped",
      message: `the clock jumped by ${duration(Math.abs(by))} (${way}): deadlines were moved`,
      data: { by },
    });
  }
});
