import { describe, expect, it } from "vitest";
import { createEvidenceReader } from "../../src/rollout/evidence-reader.ts";
import type { Judgement } from "../../src/rollout/judge.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import type { RolloutMetric, RolloutPolicy } from "../../src/spec/project.ts";
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
  key = "again",
) {
  await rollouts.request(world.request(version, { key, policy: { ...policy, ...changes } }));
  await world.settle(rollouts);
  return world.db.read((tx) =>
    tx.get<{ state: string; continues: string | null; sentence: string }>(
      "SELECT state, continues, sentence FROM rollouts WHERE request_key = ?",
      [key],
    ),
  );
}

/** What the newest trial's judge says. */
async function judged(world: World): Promise<{ id: string; judgement: Judgement }> {
  const row = await world.db.read((tx) =>
    tx.get<{ id: string; judgement: string }>(
      "SELECT id, judgement FROM rollouts WHERE judgement IS NOT NULL ORDER BY seq DESC LIMIT 1",
    ),
  );
  return { id: row!.id, judgement: JSON.parse(row!.judgement) as Judgement };
}

const latency: RolloutMetric = { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 0 };

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
    ["other rates", { falseRollbackRate: 0.02, falsePromotionRate: 0.04 }],
    ["another metric beside it", { metrics: [...policy.metrics, latency] }],
  ])("goes on with %s, on which the evidence doesn't depend", async (_what, changes) => {
    const { world, rollouts, first } = await afterABadVersion();
    expect(await pushAgain(world, rollouts, 2, changes)).toMatchObject({
      state: "rolledback",
      continues: first,
    });
  });

  it("begins anew with another margin, and says so", async () => {
    const { world, rollouts, first } = await afterABadVersion();
    const metrics: RolloutPolicy["metrics"] = [{ name: "errors", worseBy: 0.6 }];
    expect(await pushAgain(world, rollouts, 2, { metrics })).toMatchObject({
      state: "progressing",
      continues: first,
    });
    const { judgement } = await judged(world);
    expect(judgement.beganAnew).toEqual(["errors"]);
    expect(judgement.metrics[0]?.harm).toBeCloseTo(1, 9);
    const { id } = await judged(world);
    const reader = createEvidenceReader(world);
    expect((await reader.ofRollout(id))?.notes).toContain(
      `the rules changed since the earlier trial (${first}): errors began anew, so what that trial showed of it counts no more`,
    );
  });

  it("finds a metric's evidence behind a trial that was judged by another one", async () => {
    const { world, rollouts } = await afterABadVersion();
    expect(await pushAgain(world, rollouts, 2, { metrics: [latency] }, "between")).toMatchObject({
      state: "progressing",
    });
    await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    expect(await pushAgain(world, rollouts, 2)).toMatchObject({ state: "rolledback" });
    expect((await judged(world)).judgement).toMatchObject({ blamed: "errors" });
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

describe("the safety of a version that something else than its tests took out", () => {
  /** An equal version 2 that is known to be safe, and waits for a yes. */
  async function safe(changes: Partial<RolloutPolicy> = {}) {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 });
    const rollouts = world.open();
    const own = { ...policy, steps: [50], approval: "owner", ...changes };
    await rollouts.request(world.request(1, { policy: { ...own, approval: "none" } }));
    await world.settle(rollouts);
    await world.run(rollouts, async () => (await world.state(1)) === "promoted");
    for (let i = 0; i < 20; i++) world.backend.serve("m", 200);
    await rollouts.request(world.request(2, { policy: own }));
    await world.run(rollouts, async () => ["held", "promoted"].includes(await world.state(2)));
    const before = (await judged(world)).judgement.metrics[0]!;
    expect(before.safety).toBeGreaterThan(20);
    return { world, rollouts, before, own };
  }

  const byHand: Parameters<Rollouts["byHand"]>[0] = {
    service: "m",
    do: "rollback",
    who: "ada",
    roles: "all",
    reason: "",
  };
  const ends: Record<string, [Partial<RolloutPolicy>, (world: World, rollouts: Rollouts) => Promise<void>]> =
    {
      "a person": [{}, async (_, rollouts) => void (await rollouts.byHand(byHand))],
      "a person's push": [
        {},
        async (world) => void world.environment.push([{ name: "m", champion: 1, weight: 0 }]),
      ],
      "a revert of its promotion": [
        { approval: "none" },
        async (world) => void world.environment.push([{ name: "m", champion: 1, challenger: 2, weight: 50 }]),
      ],
      "the absolute guard": [
        { guard: { errors: 0.05, latency: 4 } },
        async (world, rollouts) => {
          for (const version of [1, 2]) world.versions.set(version, { fails: 0.01, latency: 900 });
          await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
          for (const version of [1, 2]) world.versions.set(version, { fails: 0.01 });
        },
      ],
    };

  it.each(Object.keys(ends))("%s goes on with at most 1: it must be shown again", async (who) => {
    const [changes, end] = ends[who]!;
    const { world, rollouts, before, own } = await safe(changes);
    await end(world, rollouts);
    await world.settle(rollouts);
    expect(await world.state(2)).not.toBe("held");
    expect(await pushAgain(world, rollouts, 2, { ...own, guard: null })).toMatchObject({
      state: "progressing",
    });
    const [again] = (await judged(world)).judgement.metrics;
    expect(again?.safety).toBeLessThanOrEqual(1 + 1e-9);
    expect(again?.advance).toBeLessThanOrEqual(1 + 1e-9);
    expect(again?.challenger.units).toBeGreaterThanOrEqual(before.challenger.units);
    // Shown again it is: nothing bars it for good.
    await world.run(rollouts, async () => ["held", "promoted"].includes((await newest(world)).state));
  });

  it("goes on whole where only the time was over, or a newer version took its place", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 }).set(3, { fails: 0.01 });
    const rollouts = world.open();
    const own = { ...policy, steps: [50], deadline: 1000, onNotEnoughData: "rollback" as const };
    await rollouts.request(world.request(1));
    await world.settle(rollouts);
    await rollouts.request(world.request(2, { policy: own }));
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback", { perTick: 60 });
    const known = (await judged(world)).judgement.metrics[0]!.safety;
    expect(known).toBeGreaterThan(1.2);
    await pushAgain(world, rollouts, 2, own);
    expect((await judged(world)).judgement.metrics[0]?.safety).toBeCloseTo(known, 6);
    await rollouts.request(world.request(3));
    await world.settle(rollouts);
    expect((await newest(world, "again")).state).toBe("superseded");
    await pushAgain(world, rollouts, 2, own, "once more");
    expect((await judged(world)).judgement.metrics[0]?.safety).toBeCloseTo(known, 6);
  });

  async function newest(world: World, key = "again"): Promise<{ state: string }> {
    const row = await world.db.read((tx) =>
      tx.get<{ state: string }>("SELECT state FROM rollouts WHERE request_key = ?", [key]),
    );
    return row!;
  }
});
