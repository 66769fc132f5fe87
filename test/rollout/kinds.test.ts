import { describe, expect, it } from "vitest";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { policy, World } from "./world.ts";

const MINUTE = 60_000;

/** Version 1 is champion; version 2 was asked for under the policy. */
async function onTrial(
  changes: Partial<RolloutPolicy>,
  fails = 0.01,
): Promise<{ world: World; rollouts: Rollouts; hand: (what: Hand, roles?: string[]) => Promise<void> }> {
  const world = new World();
  world.versions.set(1, { fails: 0.01 }).set(2, { fails }).set(3, { fails: 0.01 });
  const rollouts = world.open();
  const hand = async (what: Hand, roles: string[] | "all" = "all"): Promise<void> => {
    await rollouts.byHand({ service: "m", do: what, who: "eve", roles, reason: "" });
    await world.settle(rollouts);
  };
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version, { policy: { ...policy, ...changes } }));
    await world.settle(rollouts);
  }
  return { world, rollouts, hand };
}

type Hand = "promote" | "rollback" | "hold" | "resume" | "approve";

function weights(world: World): string[] {
  return world.environment.commits.map(({ services }) => {
    const state = services.get("m");
    return `${state?.champion}/${state?.challenger ?? "-"} ${state?.weight}${state?.shadow ? ` copies ${state.shadow}` : ""}`;
  });
}

describe("blue-green", () => {
  const blueGreen = { kind: "blue-green", watch: 10 * MINUTE } as const;

  it("switches all requests after the check, keeps the champion ready, and promotes after the watch", async () => {
    const { world, rollouts } = await onTrial({ ...blueGreen, guard: { errors: 0.05, latency: 4 } });
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, challenger: 2, share: 1 });
    expect([...world.backend.variants].sort()).toEqual(["m/1", "m/2"]);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 10 * MINUTE - 1;
    world.backend.serve("m", 1204);
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 1;
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({
      state: "promoted",
      sentence:
        "switched all requests to version 2; the absolute guard, outside the declared rates, didn't fire in 10 min " +
        "(1,204 requests); version 2 failed 12 of 1,204 requests after the switch: promoted",
    });
    expect(weights(world)).toEqual(["1/- 0", "1/2 100", "2/- 0"]);
    expect([...world.backend.variants]).toEqual(["m/2"]);
    expect(world.backend.violations).toEqual([]);
  });

  it("says what failed after the switch, beside what was failed before it", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.1 });
    const rollouts = world.open();
    const asked = { policy: { ...policy, ...blueGreen } };
    await rollouts.request(world.request(1, asked));
    await world.settle(rollouts);
    world.backend.serve("m", 4000);
    await rollouts.request(world.request(2, asked));
    await world.settle(rollouts);
    world.backend.serve("m", 960);
    world.clock.time += 10 * MINUTE;
    await world.settle(rollouts);
    expect((await world.rollout(2)).sentence).toMatch(
      /; version 2 failed 96 of 960 requests after the switch \(before it: 40 of 4,000\): promoted$/,
    );
  });

  it("says so when nothing watched, or nobody came", async () => {
    for (const [guard, said] of [
      [null, "the absolute guard is off"],
      [{ errors: 0.05, latency: 4 }, "no request came in 10 min"],
    ] as const) {
      const { world, rollouts } = await onTrial({ ...blueGreen, guard });
      world.clock.time += 10 * MINUTE;
      await world.settle(rollouts);
      expect((await world.rollout(2)).sentence).toContain(said);
    }
  });

  it("is past no deadline: nothing is compared", async () => {
    const { world, rollouts } = await onTrial({ ...blueGreen, watch: 10 * policy.deadline });
    world.clock.time += 2 * policy.deadline;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
  });

  it("goes back at once by hand: the emergency stop comes before the commit", async () => {
    const { world, rollouts, hand } = await onTrial(blueGreen, 0.4);
    world.backend.serve("m", 100);
    await world.settle(rollouts);
    await hand("rollback");
    expect(world.backend.stops).toEqual([2]);
    expect(weights(world).slice(1)).toEqual(["1/2 100", "1/- 0"]);
    expect((await world.rollout(2)).sentence).toMatch(/^rolled back by eve/);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
    expect(world.backend.violations).toEqual([]);
  });

  it("is taken back by the absolute guard, which says that it is outside the declared rates", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.4 });
    const rollouts = world.open();
    const guarded = { ...policy, ...blueGreen, guard: { errors: 0.05, latency: 4 } };
    await rollouts.request(world.request(1, { policy: guarded }));
    await world.settle(rollouts);
    world.backend.serve("m", 1000);
    await rollouts.request(world.request(2, { policy: guarded }));
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    const { sentence } = await world.rollout(2);
    expect(sentence).toMatch(
      /^the absolute guard, outside the declared rates: 4\d\S* % of [\d,]+ requests failed, 1 % before the rollout \(limit 6 %\), both versions together: version 2 taken out after \S+ s, [\d,]+ bad answers$/,
    );
    expect((await world.environment.head())?.message).toContain(
      "absolute guard, outside the declared rates: errors",
    );
    expect(world.backend.stops).toEqual([2]);
    expect(weights(world).at(-1)).toBe("1/- 0");
    // What it saw then is no evidence: the same version may try again.
    await rollouts.request(world.request(2, { key: "again", policy: guarded }));
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
  });

  it("asks for the role's yes before the switch", async () => {
    const { world, hand } = await onTrial({ ...blueGreen, approval: "owner" });
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "needs-approval" });
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
    await expect(hand("promote")).rejects.toMatchObject({ code: "ROLLOUT_NOT_RUNNING" });
    await expect(hand("approve", ["reader"])).rejects.toMatchObject({ code: "ROLLOUT_ROLE_REQUIRED" });
    await hand("approve", ["owner"]);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, challenger: 2, share: 1 });
    expect((await world.rollout(2)).sentence).toContain("approved by eve");
    expect(world.backend.violations).toEqual([]);
  });

  it("can be ended while it waits for the yes", async () => {
    const { world, hand } = await onTrial({ ...blueGreen, approval: "owner" });
    await hand("rollback");
    expect(await world.state(2)).toBe("rolledback");
    expect(weights(world)).toEqual(["1/- 0"]);
  });

  it("gives way to a newer version, towards the champion first", async () => {
    const { world, rollouts } = await onTrial(blueGreen);
    await rollouts.request(world.request(3, { policy: { ...policy, ...blueGreen } }));
    await world.settle(rollouts);
    expect(weights(world)).toEqual(["1/- 0", "1/2 100", "1/- 0", "1/3 100"]);
    expect(await world.state(2)).toBe("superseded");
  });

  it("is stopped when its promotion is reverted by Git", async () => {
    const { world, rollouts } = await onTrial(blueGreen);
    world.clock.time += 10 * MINUTE;
    await world.settle(rollouts);
    world.environment.push([{ name: "m", champion: 1, challenger: 2, weight: 100 }]);
    await world.settle(rollouts);
    expect(weights(world).at(-1)).toBe("1/- 0");
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, share: 0 });
  });
});

describe("instant", () => {
  it("takes the champion's place after the check, and ends the old workers", async () => {
    const { world } = await onTrial({ kind: "instant" });
    expect(weights(world)).toEqual(["1/- 0", "2/- 0"]);
    expect([...world.backend.variants]).toEqual(["m/2"]);
    expect((await world.rollout(2)).sentence).toContain("at once, asked by ada");
  });

  it("asks before when the project wants a yes; going back by hand asks nobody", async () => {
    const { world, hand } = await onTrial({ kind: "instant", approval: "owner", shadow: null });
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "needs-approval" });
    await hand("approve");
    expect(weights(world).at(-1)).toBe("2/- 0");
    await hand("rollback");
    expect(weights(world).at(-1)).toBe("1/- 0");
  });
});

describe("shadow", () => {
  const copies = { share: 20, for: 5 * MINUTE };

  it("sends copies first, no caller gets the challenger's answer, then the canary begins", async () => {
    const { world, rollouts } = await onTrial({ shadow: copies });
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 1, challenger: 2, share: 0, shadow: 0.2 });
    world.clock.time += 5 * MINUTE;
    await world.settle(rollouts);
    // Time alone says nothing: not one outcome came.
    expect(weights(world).at(-1)).toBe("1/2 0 copies 20");
    world.backend.serve("m", 50);
    await world.settle(rollouts);
    expect(weights(world)).toEqual(["1/- 0", "1/2 0 copies 20", "1/2 5"]);
    expect(world.backend.rules.get("m")).toMatchObject({ share: 0.05 });
    expect(world.backend.rules.get("m")).not.toHaveProperty("shadow");
    await world.run(rollouts, async () => (await world.state(2)) === "promoted");
    expect((await world.rollout(2)).sentence).toMatch(/requests and copies/);
    expect(world.backend.violations).toEqual([]);
  });

  it.each(["blue-green", "instant"] as const)("goes before %s too", async (kind) => {
    const { world, rollouts } = await onTrial({ kind, shadow: copies });
    world.clock.time += 5 * MINUTE;
    world.backend.serve("m", 50);
    await world.settle(rollouts);
    const next = kind === "instant" ? "2/- 0" : "1/2 100";
    expect(weights(world)).toEqual(["1/- 0", "1/2 0 copies 20", next]);
  });

  it("takes a bad version out by its copies, before any caller was harmed", async () => {
    const { world, rollouts } = await onTrial({ shadow: copies }, 0.4);
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    expect((await world.rollout(2)).sentence).toMatch(
      /^version 2 failed \d+ of \d+ copies, version 1 \d+ of [\d,]+: taken out after \d+\.\d s; no caller was harmed$/,
    );
    expect(weights(world)).toEqual(["1/- 0", "1/2 0 copies 20", "1/- 0"]);
    expect(world.backend.stops).toEqual([2]);
  });

  it("has its whole deadline left when real requests begin", async () => {
    const { world, rollouts } = await onTrial({ shadow: { share: 20, for: policy.deadline } });
    world.backend.serve("m", 50);
    world.clock.time += policy.deadline;
    await world.settle(rollouts);
    world.clock.time += policy.deadline - 1;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 1;
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "not-enough-data" });
  });

  it("does what the project says when no copy was ever answered", async () => {
    const { world, rollouts } = await onTrial({ shadow: copies, onNotEnoughData: "rollback" });
    world.clock.time += 5 * MINUTE + policy.deadline;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("rolledback");
    expect(weights(world).at(-1)).toBe("1/- 0");
  });

  describe("and nothing but copies", () => {
    const only = { shadow: { share: 100, for: null } };

    it("is held as soon as it is within its margins; the yes begins the canary, whose own yes is another", async () => {
      const { world, rollouts, hand } = await onTrial({ ...only, approval: "owner" });
      await world.run(rollouts, async () => (await world.state(2)) === "held");
      expect(await world.rollout(2)).toMatchObject({ reason: "needs-approval" });
      expect((await world.rollout(2)).sentence).toContain(
        "only copies were sent, as the project asks; `slipway approve m` goes on with real requests",
      );
      expect(weights(world).at(-1)).toBe("1/2 0 copies 100");
      await hand("approve");
      expect(weights(world).at(-1)).toBe("1/2 5");
      await world.run(rollouts, async () => (await world.rollout(2)).reason === "needs-approval");
      expect(weights(world).at(-1)).toBe("1/2 50");
      await hand("approve");
      expect(await world.state(2)).toBe("promoted");
    });

    it("is held at the deadline when it is undecided, and can be ended", async () => {
      const { world, rollouts, hand } = await onTrial(only);
      world.clock.time += policy.deadline;
      await world.settle(rollouts);
      expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "needs-approval" });
      expect((await world.rollout(2)).sentence).toContain("undecided at the deadline");
      await hand("rollback");
      expect(await world.state(2)).toBe("rolledback");
      expect(weights(world).at(-1)).toBe("1/- 0");
    });

    it("takes the yes also before it is held, where the project asks for none", async () => {
      const { world, hand } = await onTrial(only);
      await hand("approve");
      expect(weights(world).at(-1)).toBe("1/2 5");
      await expect(hand("approve")).rejects.toMatchObject({ code: "ROLLOUT_NOT_RUNNING" });
    });
  });

  it("begins when a person's commit asks for copies, and waits for that person's yes", async () => {
    const { world, rollouts, hand } = await onTrial({ kind: "instant", steps: [] });
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 0, shadow: 50 }]);
    await world.settle(rollouts);
    expect(await world.state(3)).toBe("progressing");
    expect(world.backend.rules.get("m")).toMatchObject({ challenger: 3, share: 0, shadow: 0.5 });
    await world.run(rollouts, async () => (await world.state(3)) === "held");
    await hand("approve");
    expect(weights(world).at(-1)).toBe("3/- 0");
    expect(world.backend.violations).toEqual([]);
  });
});

describe("a person's commit where the project knows no steps", () => {
  it.each([
    { weight: 100, ends: "promoted", said: "switched all requests to version 3" },
    { weight: 50, ends: "promoted", said: "version 3 failed" },
  ])("of $weight % is $ends by what can be known of it", async ({ weight, ends, said }) => {
    const { world, rollouts } = await onTrial({ kind: "instant", steps: [], watch: MINUTE });
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight }]);
    await world.settle(rollouts);
    expect(weights(world).at(-1)).toBe(`2/3 ${weight}`);
    await world.run(rollouts, async () => (await world.state(3)) === ends);
    expect((await world.rollout(3)).sentence).toContain(said);
  });
});

describe("fall-back", () => {
  it("is in the rule, hides nothing from the test, and leaves no bad answer", async () => {
    const { world, rollouts } = await onTrial({ fallback: true }, 0.4);
    expect(world.backend.rules.get("m")).toMatchObject({ fallback: true });
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    expect((await world.rollout(2)).sentence).toMatch(
      /^version 2 failed \d+ of \d+ requests, .*, no bad answer$/,
    );
    expect(world.backend.rules.get("m")).not.toHaveProperty("fallback");
  });
});
