import { describe, expect, it } from "vitest";
import { policy, World } from "./world.ts";

async function withChampion(): Promise<{ world: World; rollouts: ReturnType<World["open"]> }> {
  const world = new World();
  world.versions.set(1, { fails: 0.01 });
  const rollouts = world.open();
  await rollouts.request(world.request(1));
  await world.settle(rollouts);
  return { world, rollouts };
}

describe("rollout controller", () => {
  it("makes the first version champion after its contract check", async () => {
    const { world } = await withChampion();
    expect(await world.state(1)).toBe("promoted");
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
    expect(world.registry.aliases.get("champion")).toBe(1);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0, order: 1 });
    expect(world.events.map((event) => event.kind)).toEqual([
      "rollout.checking",
      "rollout.contract-passed",
      "service.champion",
      "rollout.promoted",
    ]);
    expect(world.events.at(-1)?.subjects).toEqual(
      expect.arrayContaining(["pipeline-run/pr-1", "version/m/1", "service/m"]),
    );
  });

  it("makes one rollout of a repeated request", async () => {
    const { world, rollouts } = await withChampion();
    const again = await rollouts.request(world.request(1));
    const once = await rollouts.request(world.request(1));
    expect(again).toEqual(once);
  });

  it("promotes an equal version step by step and removes the old one", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    await rollouts.request(world.request(2));
    await world.run(rollouts, async () => (await world.state(2)) === "promoted");
    await world.settle(rollouts);
    const weights = world.environment.commits.map((commit) => commit.services.get("m")?.weight);
    expect(weights).toEqual([0, 5, 25, 50, 0]);
    expect(world.environment.headState("m")?.champion).toBe(2);
    expect([...world.backend.variants]).toEqual(["m/2"]);
    expect(world.registry.aliases).toEqual(new Map([["champion", 2]]));
    expect(world.backend.violations).toEqual([]);
  });

  it("takes a failing version out at once and says why in the commit", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.3 });
    const { rolloutId } = await rollouts.request(world.request(2));
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    const commit = world.environment.commits.at(-1);
    expect(world.backend.stops).toEqual([2]);
    expect(commit?.message).toMatch(
      /version 2 failed \d+ of \d+ requests, version 1 \d+ of [\d,]+: taken out after \d+\.\d s, \d+ bad answers$/m,
    );
    expect(commit?.trailers).toMatchObject({ "Slipway-Rollout": rolloutId });
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
  });

  it.each([
    ["can't be loaded", { fails: 0, broken: "the graph has no outputs" }],
    ["answers its own example wrongly", { fails: 0, example: "wrong" }],
  ])("never gives traffic to a version that %s", async (_why, behaviour) => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, behaviour);
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    const rollout = await world.rollout(2);
    expect(rollout.state).toBe("rolledback");
    expect(rollout.reason).toMatch(/no outputs \(MODEL_LOAD_FAILED\)|answered wrong/);
    expect(world.environment.commits).toHaveLength(1);
    expect([...world.backend.variants]).toEqual(["m/1"]);
  });

  it("stays undecided without traffic and is held at its deadline, then goes on when resumed", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    world.clock.time += policy.deadline - 1;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 1;
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "not-enough-data" });
    await rollouts.byHand({ service: "m", do: "resume", who: "ada", roles: "all", reason: "" });
    await world.run(rollouts, async () => (await world.state(2)) === "promoted");
  });

  it.each(["rollback", "promote"] as const)("does %s at the deadline when the project asks", async (what) => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0 });
    await rollouts.request(world.request(2, { policy: { ...policy, onNotEnoughData: what } }));
    await world.settle(rollouts);
    world.clock.time += policy.deadline;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe(what === "rollback" ? "rolledback" : "promoted");
    if (what === "promote") expect((await world.rollout(2)).sentence).toContain("without evidence");
  });

  it("waits for the yes of a role before promotion", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    await rollouts.request(world.request(2, { policy: { ...policy, approval: "owner" } }));
    await world.run(rollouts, async () => (await world.rollout(2)).reason === "needs-approval");
    const yes = { service: "m", do: "approve", who: "eve", reason: "" } as const;
    await expect(rollouts.byHand({ ...yes, roles: ["reader"] })).rejects.toMatchObject({
      code: "ROLLOUT_ROLE_REQUIRED",
    });
    await rollouts.byHand({ ...yes, roles: ["owner"] });
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("promoted");
    expect((await world.rollout(2)).sentence).toContain("approved by eve");
  });

  it("gives way to a newer request", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 }).set(3, { fails: 0.01 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    await rollouts.request(world.request(3));
    await world.run(rollouts, async () => (await world.state(3)) === "promoted");
    expect(await world.state(2)).toBe("superseded");
    expect(world.backend.violations).toEqual([]);
  });

  it("holds, rolls back and promotes by hand, and goes back to the champion before", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    const hand = (what: "hold" | "promote" | "rollback") =>
      rollouts.byHand({ service: "m", do: what, who: "ada", roles: "all", reason: "friday" });
    await expect(hand("hold")).rejects.toMatchObject({ code: "ROLLOUT_NOT_RUNNING" });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    expect(await hand("hold")).not.toHaveProperty("note");
    const { sentence } = await world.rollout(2);
    expect((await hand("hold")).note).toBe(
      "it is held already (by-hand); the new reason is kept in the audit only",
    );
    expect((await world.rollout(2)).sentence).toBe(sentence);
    world.backend.serve("m", 5000);
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "by-hand" });
    await hand("promote");
    await world.settle(rollouts);
    expect(world.environment.headState("m")?.champion).toBe(2);
    await hand("rollback");
    await world.settle(rollouts);
    expect(world.environment.headState("m")?.champion).toBe(1);
    expect(world.backend.rules.get("m")?.champion).toBe(1);
  });

  it("takes a held challenger out when it turns bad", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.4 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    await rollouts.byHand({ service: "m", do: "hold", who: "ada", roles: "all", reason: "" });
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
  });

  it("does what a person pushes, after the contract check of what is pushed", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 }).set(3, { fails: 0 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    // The copied trailers of another commit prove nothing.
    const trailers = world.environment.commits.at(-1)?.trailers ?? {};
    world.environment.push([{ name: "m", champion: 3, weight: 0 }], { trailers });
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("superseded");
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 3, share: 0 });
    expect(world.registry.aliases).toEqual(new Map([["champion", 3]]));
    expect(world.backend.violations).toEqual([]);
  });

  it("keeps what serves when a person pushes a version that fails its contract check", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0, example: "wrong" });
    world.environment.push([{ name: "m", champion: 2, weight: 0 }]);
    await world.settle(rollouts);
    expect(world.backend.rules.get("m")?.champion).toBe(1);
    world.environment.push([{ name: "m", champion: 1, weight: 0 }]);
    await world.settle(rollouts);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, order: 3 });
  });

  it("holds everything when the repository diverged, and takes it as the truth when resumed", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    world.environment.push([{ name: "m", champion: 2, weight: 0 }], { orphan: true });
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "repository-diverged" });
    expect(world.backend.rules.get("m")?.champion).toBe(1);
    await rollouts.byHand({ service: "m", do: "resume", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("superseded");
    expect(world.backend.rules.get("m")?.champion).toBe(2);
    world.environment.push([{ name: "m", champion: 1, weight: 0 }]);
    await world.settle(rollouts);
    expect(world.backend.rules.get("m")?.champion).toBe(1);
  });

  it("turns an alias request into a rollout, or a switch where the project says so", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0 }).set(3, { fails: 0 });
    await world.registry.handler("m", 2);
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    expect(world.registry.aliases.get("champion")).toBe(1);
    await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    await rollouts.request(world.request(3, { policy: { ...policy, onAliasSet: "switch" } }));
    await world.settle(rollouts);
    await rollouts.byHand({ service: "m", do: "promote", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    await world.registry.handler("m", 1);
    await world.settle(rollouts);
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
  });

  it("decides anew when a person pushes between its decision and its commit", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 }).set(3, { fails: 0 });
    await rollouts.request(world.request(2));
    const commit = world.environment.commit.bind(world.environment);
    let isFirst = true;
    world.environment.commit = (change) => {
      if (isFirst) world.environment.push([{ name: "m", champion: 3, weight: 0 }]);
      isFirst = false;
      return commit(change);
    };
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    expect(world.environment.headState("m")).toEqual({ name: "m", champion: 3, challenger: 2, weight: 5 });
    const intents = await world.db.read((tx) =>
      tx.all<{ state: string }>("SELECT state FROM rollout_intents ORDER BY created_at, id"),
    );
    expect(intents.map(({ state }) => state)).toEqual(["done", "superseded", "done"]);
    expect(world.backend.violations).toEqual([]);
  });

  /** Version 2 is being prepared, and won't become ready. */
  async function withStuck(): ReturnType<typeof withChampion> {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0, stuck: { code: "QUOTA_EXCEEDED", message: "exceeded quota: few" } });
    await rollouts.request(world.request(2));
    await rollouts.pass("m");
    return { world, rollouts };
  }

  it("takes back a version that can't become ready without waiting for it", async () => {
    const { world, rollouts } = await withStuck();
    const checking = rollouts.pass("m");
    await expect.poll(() => world.backend.waiting).toBe(1);
    await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "no room" });
    await checking;
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({
      state: "rolledback",
      sentence: expect.stringMatching(/by ada.*no room/) as string,
    });
    expect([...world.backend.variants]).toEqual(["m/1"]);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
  });

  it("lets a newer version by", async () => {
    const { world, rollouts } = await withStuck();
    const checking = rollouts.pass("m");
    await expect.poll(() => world.backend.waiting).toBe(1);
    world.versions.set(3, { fails: 0.01 });
    await rollouts.request(world.request(3));
    await checking;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("superseded");
    expect(await world.state(3)).toBe("progressing");
  });

  it("doesn't begin to wait for what was taken back in the meantime", async () => {
    const { world, rollouts } = await withStuck();
    const asked = world.backend.state.bind(world.backend);
    let isFirst = true;
    // Between reading the situation and acting on it.
    world.backend.state = async () => {
      const state = await asked();
      if (isFirst) {
        isFirst = false;
        await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });
      }
      return state;
    };
    await rollouts.pass("m");
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("rolledback");
  });

  it("tells once what keeps a version from becoming ready", async () => {
    const { world, rollouts } = await withStuck();
    const stop = new AbortController();
    const checking = rollouts.pass("m", stop.signal).catch(() => undefined);
    for (let look = 0; look < 3; look++) {
      // The preparation, and who tells of it.
      await expect.poll(() => world.clock.sleepers).toBe(2);
      world.clock.wake(1);
    }
    await expect.poll(() => world.clock.sleepers).toBe(2);
    stop.abort(new Error("stopping"));
    await checking;
    const told = world.events.filter(({ kind }) => kind === "rollout.waiting");
    expect(told).toMatchObject([
      { message: "version 2 of m can't become ready yet: exceeded quota: few (QUOTA_EXCEEDED)" },
    ]);
    expect(told[0]?.subjects).toContain("pipeline-run/pr-2");
  });

  it("goes on from the evidence when the same version is on trial again", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.3 });
    await rollouts.request(world.request(2));
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    const requests = world.backend.counters.size;
    await rollouts.request(world.request(2, { key: "again" }));
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("rolledback");
    expect(world.backend.counters.size).toBe(requests);
  });

  it("makes a lost copy again, and takes a challenger out whose artifacts aren't those that were checked", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    const deps = world.deps();
    const made: string[] = [];
    const materialise = async (path: string) => {
      made.push(path);
      return { modelDir: "/elsewhere", sha256: path === "2" ? "other" : path, format: "onnx" as const };
    };
    const reborn = world.open({ ...deps, models: { materialise, find: async () => undefined } });
    world.backend.variants.clear();
    world.backend.rules.clear();
    await world.settle(reborn);
    expect(made.slice(0, 2)).toEqual(["1", "2"]);
    expect(await world.state(2)).toBe("rolledback");
    expect((await world.rollout(2)).sentence).toContain("aren't those that passed its contract check");
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
  });

  it("counts on when serve was restarted, and loses nothing that it had seen", async () => {
    const { world, rollouts } = await withChampion();
    world.versions.set(2, { fails: 0.01 });
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
    world.backend.serve("m", 100);
    await world.settle(rollouts);
    world.backend.incarnation = "i2";
    world.backend.rules.clear();
    world.backend.variants.clear();
    await world.settle(rollouts);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, challenger: 2, share: 0.05 });
    world.backend.serve("m", 100);
    await world.settle(rollouts);
    const seen = await world.db.read((tx) =>
      tx.get<{ units: number }>("SELECT SUM(finished) AS units FROM rollout_cursors"),
    );
    expect(seen?.units).toBe(200);
    expect(world.backend.violations).toEqual([]);
  });
});
