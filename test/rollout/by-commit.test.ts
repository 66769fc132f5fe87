import { describe, expect, it } from "vitest";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import { policy, World } from "./world.ts";

/** Versions 1 and 2 were promoted, one after the other; 3 is registered. */
async function withTwoChampions(): Promise<{ world: World; rollouts: Rollouts }> {
  const world = new World();
  world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 }).set(3, { fails: 0.01 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version));
    await world.run(rollouts, async () => (await world.state(version)) === "promoted");
  }
  await world.settle(rollouts);
  return { world, rollouts };
}

const rollback = (rollouts: Rollouts) =>
  rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });

/** Every rule that serve was given from now on. */
function recordRules(world: World): { champion: number; share: number }[] {
  const rules: { champion: number; share: number }[] = [];
  const route = world.backend.route.bind(world.backend);
  world.backend.route = async (rule) => {
    rules.push({ champion: rule.champion, share: rule.share });
    return route(rule);
  };
  return rules;
}

describe("a person's commit that names a challenger", () => {
  it("reverts a promotion: the version that was promoted is taken out and never gets a request", async () => {
    const { world, rollouts } = await withTwoChampions();
    const rules = recordRules(world);
    world.environment.push([{ name: "m", champion: 1, challenger: 2, weight: 50 }]);
    await world.settle(rollouts);
    expect(rules).toEqual([{ champion: 1, share: 0 }]);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
    const head = await world.environment.head();
    expect(head?.message).toContain("the promotion of version 2 was reverted by ada");
    expect(head?.message).not.toContain("undecided");
    expect(head?.trailers["Slipway-Intent"]).toMatch(/^in-/);
    expect(world.backend.rules.get("m")).toMatchObject({ commit: head?.commit, champion: 1, share: 0 });
    expect(await world.rollout(2)).toMatchObject({
      state: "rolledback",
      sentence: "the promotion of version 2 was reverted by ada",
    });
    expect(world.events).toContainEqual(
      expect.objectContaining({
        kind: "rollout.rolledback",
        message: "the promotion of version 2 was reverted by ada",
      }),
    );
    const history = await world.db.read((tx) =>
      tx.all<{ commit_id: string; intent_id: string | null }>(
        "SELECT commit_id, intent_id FROM rollout_history ORDER BY commit_order DESC LIMIT 2",
      ),
    );
    expect(history).toEqual([
      { commit_id: head?.commit, intent_id: head?.trailers["Slipway-Intent"] },
      { commit_id: head?.parent, intent_id: null },
    ]);
    expect(world.registry.aliases).toEqual(new Map([["champion", 1]]));
    expect([...world.backend.variants]).toEqual(["m/1"]);
    expect(world.backend.violations).toEqual([]);
  });

  it("is reverted also when the controller dies before its own commit, or a person is faster", async () => {
    const { world, rollouts } = await withTwoChampions();
    const commit = world.environment.commit.bind(world.environment);
    world.environment.commit = async () => Promise.reject(new Error("killed"));
    world.environment.push([{ name: "m", champion: 1, challenger: 2, weight: 50 }]);
    await expect(world.settle(rollouts)).rejects.toThrow("killed");
    world.environment.push([{ name: "other", champion: 1, weight: 0 }]);
    world.environment.commit = commit;
    const reborn = world.open();
    await world.settle(reborn);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
    expect(await world.state(2)).toBe("rolledback");
  });

  it.each([
    { weight: 30, step: 1, share: 0.3 },
    { weight: 25, step: 1, share: 0.25 },
    { weight: 2, step: 0, share: 0.02 },
    { weight: 100, step: 2, share: 0.5 },
  ])("puts it on trial at $weight %, judged from the first request", async ({ weight, step, share }) => {
    const { world, rollouts } = await withTwoChampions();
    world.versions.set(3, { fails: 0.4 });
    const rules = recordRules(world);
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight }]);
    await world.settle(rollouts);
    expect(rules.map((rule) => rule.share)).toEqual([share]);
    const row = await world.db.read((tx) =>
      tx.get<{ state: string; kind: string; step: number }>(
        "SELECT state, kind, step FROM rollouts WHERE version = 3",
      ),
    );
    expect(row).toEqual({ state: "progressing", kind: "canary", step });
    await world.run(rollouts, async () => (await world.state(3)) === "rolledback");
    expect((await world.rollout(3)).sentence).toMatch(/version 3 failed \d+ of/);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 2, weight: 0 });
    expect(world.backend.violations).toEqual([]);
  });

  it("promotes it by evidence, and counts what it answered under the person's commit", async () => {
    const { world, rollouts } = await withTwoChampions();
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 50 }]);
    await world.run(rollouts, async () => (await world.state(3)) === "promoted");
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 3, weight: 0 });
    expect(world.backend.violations).toEqual([]);
  });

  it("puts the champion of before on trial against one that never was champion", async () => {
    const { world, rollouts } = await withTwoChampions();
    world.environment.push([{ name: "m", champion: 3, challenger: 2, weight: 25 }]);
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 3, challenger: 2, share: 0.25 });
    expect(world.backend.violations).toEqual([]);
  });

  it("takes it out without a request when its contract check fails", async () => {
    const { world, rollouts } = await withTwoChampions();
    world.versions.set(3, { fails: 0, example: "wrong" });
    const rules = recordRules(world);
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 50 }]);
    await world.settle(rollouts);
    expect(rules).toEqual([{ champion: 2, share: 0 }]);
    expect(await world.state(3)).toBe("rolledback");
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 2, weight: 0 });
  });

  it("can be held, resumed, promoted and rolled back by hand", async () => {
    const { world, rollouts } = await withTwoChampions();
    const hand = (what: "hold" | "resume" | "promote" | "rollback") =>
      rollouts.byHand({ service: "m", do: what, who: "ada", roles: "all", reason: "" });
    for (const [last, champion] of [["rollback", 2] as const, ["promote", 3] as const]) {
      world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 5 }]);
      await world.settle(rollouts);
      await hand("hold");
      await hand("resume");
      await hand(last);
      await world.settle(rollouts);
      expect(world.environment.headState("m")).toEqual({ name: "m", champion, weight: 0 });
    }
  });

  it("ends what ran before, also what still waits for its contract check", async () => {
    const { world, rollouts } = await withTwoChampions();
    world.versions.set(4, { fails: 0.01 });
    await rollouts.request(world.request(4));
    await rollouts.pass("m");
    expect(await world.state(4)).toBe("checking");
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 5 }]);
    await world.settle(rollouts);
    expect(await world.state(4)).toBe("superseded");
    expect(await world.state(3)).toBe("progressing");
  });
});

describe("rollback by hand without a running rollout", () => {
  it("takes out the challenger that Git names, never promotes it", async () => {
    const { world, rollouts } = await withTwoChampions();
    // Version 1 was champion before; no share, so that no rollout was begun.
    world.environment.push([{ name: "m", champion: 2, challenger: 1, weight: 0 }]);
    await world.settle(rollouts);
    const { rolloutId } = await rollback(rollouts);
    await world.settle(rollouts);
    expect(rolloutId).toMatch(/^ro-/);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 2, weight: 0 });
    expect(await world.rollout(1)).toMatchObject({ state: "rolledback" });
    await rollback(rollouts);
    await world.settle(rollouts);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
    expect(world.backend.violations).toEqual([]);
  });

  it("takes out the version before as challenger with a share", async () => {
    const { world, rollouts } = await withTwoChampions();
    world.environment.push([{ name: "m", champion: 2, challenger: 1, weight: 50 }]);
    await world.settle(rollouts);
    expect(policy.steps).toContain(50);
    await rollback(rollouts);
    await world.settle(rollouts);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 2, weight: 0 });
  });
});
