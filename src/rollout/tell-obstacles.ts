import { subjectsOf } from "./commands/common.ts";
import type { RolloutDeps } from "./deps.ts";
import { selectRollout } from "./rows.ts";

/** What passes sooner isn't worth a line. */
const FIRST_LOOK_MS = 15_000;
const LOOK_MS = 5_000;

/**
 * Tells, once for each cause, what keeps a version from becoming ready while it is being prepared: whoever pushed it waits for
 * nothing that a person must change. Ends with the signal.
 */
export async function tellObstacles(
  { db, clock, backend, events }: Pick<RolloutDeps, "db" | "clock" | "backend" | "events">,
  { service, version, rolloutId }: { service: string; version: number; rolloutId: string | null },
  signal: AbortSignal,
): Promise<void> {
  const told = new Set<string>();
  await clock.sleep(FIRST_LOOK_MS, signal);
  while (!signal.aborted) {
    const { variants } = await backend.state();
    const obstacle = variants.find((one) => one.service === service && one.version === version)?.obstacle;
    if (obstacle !== undefined && !told.has(obstacle.code)) {
      told.add(obstacle.code);
      const rollout = rolloutId === null ? undefined : await db.read((tx) => selectRollout(tx, rolloutId));
      await events.emit({
        level: "warn",
        subjects: rollout ? subjectsOf(rollout) : [`version/${service}/${version}`, `service/${service}`],
        kind: "rollout.waiting",
        message: `version ${version} of ${service} can't become ready yet: ${obstacle.message} (${obstacle.code})`,
        data: { code: obstacle.code },
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
