import { describe, expect, it } from "vitest";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { policy, World } from "./world.ts";

/** Version 1 is champion, version 2 was taken out. */
async function afterABadVersion(): Promise<{ world: World; rollouts: Rollouts; first: string }> {
  const world = new World();
  world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.3 });
  const rollouts = world.open();
  await rollouts.request(world.request(1));
  await world.settle(rollouts);
  const { rolloutId: first } = await rollouts.request(world.request(2));
  await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
  return { world, rollouts, first };
}

async function pushAgain(
  world: World,
  rollouts: Rollouts,
  version: number,
  changes: Partial<RolloutPolicy> = {},
) {
  await rollouts.request(world.request(version, { key: "again", policy: { ...policy, ...changes } }));
  await world.settle(rollouts);
  return world.db.read((tx) =>
    tx.get<{ state: string; continues: string | null; sentence: string }>(
      "SELECT state, continues, sentence FROM rollouts WHERE request_key = 'again'",
    ),
  );
}

describe("a version that was on trial before", () => {
  it("goes on from its evidence, and says from which", async () => {
    const { world, rollouts, first } = await afterABadVersion();
    const again = await pushAgain(world, rollouts, 2);
    expect(again).toMatchObject({ state: "rolledback", continues: first });
    expect(again?.sentence).toContain(`, going on from the evidence of ${first}: taken out after`);
    expect((await world.environment.head())?.message).toContain(`Goes on from the evidence of ${first}.`);
  });

  it("is known by its files, whatever version they are registered as", async () => {
    const { world, rollouts, first } = await afterABadVersion();
    world.versions.set(3, { fails: 0, files: "2" });
    expect(await pushAgain(world, rollouts, 3)).toMatchObject({ state: "rolledback", continues: first });
  });

  it("begins anew with other files", async () => {
    const { world, rollouts } = await afterABadVersion();
    world.versions.set(3, { fails: 0 });
    expect(await pushAgain(world, rollouts, 3)).toMatchObject({ state: "progressing", continues: null });
  });

  it.each<[string, Partial<RolloutPolicy>]>([
    ["another margin", { metrics: [{ name: "errors", worseBy: 0.3 }] }],
    ["other rates", { falseRollbackRate: 0.02 }],
  ])("begins anew with %s, which the evidence wasn't collected by", async (_what, changes) => {
    const { world, rollouts } = await afterABadVersion();
    expect(await pushAgain(world, rollouts, 2, changes)).toMatchObject({ continues: null });
  });

  it("goes on also when only what the evidence doesn't depend on has changed", async () => {
    const { world, rollouts, first } = await afterABadVersion();
    const changes = { steps: [50], deadline: 1000, watch: 1, guard: { errors: 0.1, latency: 4 } };
    expect(await pushAgain(world, rollouts, 2, changes)).toMatchObject({ continues: first });
  });

  it("begins anew against another champion", async () => {
    const { world, rollouts } = await afterABadVersion();
    world.versions.set(3, { fails: 0.01 });
    world.environment.push([{ name: "m", champion: 3, weight: 0 }]);
    await world.settle(rollouts);
    expect(await pushAgain(world, rollouts, 2)).toMatchObject({ state: "progressing", continues: null });
  });
});
