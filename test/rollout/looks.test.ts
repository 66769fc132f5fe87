import { expect, it } from "vitest";
import { selectEvidence } from "../../src/rollout/commands/evidence-points.ts";
import { selectRollouts } from "../../src/rollout/rows.ts";
import { World } from "./world.ts";

it("of two looks from the same state one is saved: nothing is counted twice", async () => {
  const world = new World();
  world.versions.set(1, { fails: 0 }).set(2, { fails: 0 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version));
    await world.settle(rollouts);
  }
  // As a controller that was taken for dead, beside the one that took its place.
  const other = world.open();
  for (let round = 1; round <= 3; round++) {
    world.clock.time += 1000;
    world.backend.serve("m", 100);
    await Promise.all([rollouts.pass("m"), other.pass("m")]);
    const [rollout] = await world.db.read((tx) => selectRollouts(tx, "state = 'progressing'", []));
    const { champion, challenger } = rollout?.judgement?.metrics[0] ?? {};
    expect((champion?.units ?? 0) + (challenger?.units ?? 0)).toBe(100 * round);
    const kept = await world.db.read((tx) => selectEvidence(tx, rollout?.id ?? ""));
    const { champion: fast = [], challenger: slow = [] } = kept?.latency ?? {};
    expect([...fast, ...slow].reduce((sum, [, count]) => sum + count, 0)).toBe(100 * round);
  }
});

it("a verdict that was found stays, whatever comes before the commit that acts on it", async () => {
  const world = new World();
  world.versions.set(1, { fails: 0 }).set(2, { fails: 1 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version));
    await world.settle(rollouts);
  }
  // Neither the emergency stop nor the commit gets through.
  world.backend.stopChallenger = async () => undefined;
  world.environment.commit = () => Promise.reject(new Error("no room"));
  const judged = async () => {
    const [rollout] = await world.db.read((tx) => selectRollouts(tx, "version = 2", []));
    return rollout?.judgement;
  };
  const pass = async (requests: number) => {
    world.clock.time += 1000;
    world.backend.serve("m", requests);
    await rollouts.pass("m").catch(() => undefined);
  };
  for (let round = 0; round < 50 && (await judged())?.verdict !== "worse"; round++) await pass(20);
  const found = await judged();
  expect(found?.verdict).toBe("worse");
  world.versions.set(2, { fails: 0 });
  for (let round = 0; round < 5; round++) await pass(2000);
  expect(await judged()).toEqual(found);
});
