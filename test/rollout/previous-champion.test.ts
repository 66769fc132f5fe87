import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wayBack } from "../../src/rollout/commands/previous-champion.ts";
import { World } from "./world.ts";

describe("the champion before this one", () => {
  it.each([
    [[], null],
    [[1], null],
    [[1, 1, 2, 2], 1],
    [[1, 2, 1], null],
    [[1, 2, 3, 2], 1],
    [[1, 2, 1, 3], 1],
    [[1, null, 2], 1],
    [[1, 2, 3, 1, 2], 1],
  ])("of %j is %j", (champions, expected) => {
    expect(wayBack(champions)).toBe(expected);
  });

  it("is never the present one, and going back ends", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 }), (champions) => {
        const way = [...champions];
        for (let i = 0; i < 6; i++) {
          const back = wayBack(way);
          expect(back).not.toBe(way.at(-1));
          if (back === null) return;
          way.push(back);
        }
        throw new Error("goes back for ever");
      }),
    );
  });

  it("isn't the version whose promotion was reverted", async () => {
    const world = new World();
    for (const version of [1, 2, 3]) world.versions.set(version, { fails: 0 });
    const rollouts = world.open();
    const hand = async (what: "promote" | "rollback"): Promise<void> => {
      await rollouts.byHand({ service: "m", do: what, who: "ada", roles: "all", reason: "" });
      await world.settle(rollouts);
    };
    for (const version of [1, 2, 3]) {
      await rollouts.request(world.request(version));
      await world.settle(rollouts);
      if (version > 1) await hand("promote");
    }
    world.environment.push([{ name: "m", champion: 2, challenger: 3, weight: 50 }]);
    await world.settle(rollouts);
    await hand("rollback");
    expect(world.environment.headState("m")?.champion).toBe(1);
    const subject = world.environment.commits.at(-1)?.message.split("\n")[0];
    expect(subject).toBe("m: go back to version 1");
    await expect(hand("rollback")).rejects.toMatchObject({ code: "ROLLOUT_NOT_RUNNING" });
    expect(world.environment.headState("m")?.champion).toBe(1);
  });
});
