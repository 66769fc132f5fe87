import { describe, expect, it } from "vitest";
import { policy, World } from "./world.ts";

const DAY = 24 * 3_600_000;

async function onTrial(changes: object = {}) {
  const world = new World();
  world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version, { policy: { ...policy, ...changes } }));
    await world.settle(rollouts);
  }
  const told = () => world.events.filter(({ kind }) => kind === "rollout.clock-jumped");
  return { world, rollouts, told };
}

describe("a clock that jumps", () => {
  it.each([DAY, -DAY])("by %i ms leaves a rollout the time that it had", async (by) => {
    const { world, rollouts, told } = await onTrial();
    world.clock.time += policy.deadline / 2;
    world.clock.jump(by);
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    expect(told().map(({ message }) => message)).toEqual([
      `the clock jumped by 24 h (${by < 0 ? "back" : "ahead"}): deadlines were moved`,
    ]);
    world.clock.time += policy.deadline / 2 - 1;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 1;
    await world.settle(rollouts);
    expect(await world.rollout(2)).toMatchObject({ state: "held", reason: "not-enough-data" });
    expect(told()).toHaveLength(1);
  });

  it("doesn't cut the watch of a switch short", async () => {
    const { world, rollouts } = await onTrial({ kind: "blue-green", watch: 600_000 });
    world.clock.jump(DAY);
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("progressing");
    world.clock.time += 600_000;
    await world.settle(rollouts);
    expect(await world.state(2)).toBe("promoted");
  });

  it("isn't told of a clock that is corrected by seconds, nor moved twice after a write that failed", async () => {
    const { world, rollouts, told } = await onTrial();
    world.clock.jump(3_000);
    await world.settle(rollouts);
    expect(told()).toEqual([]);
    world.clock.jump(DAY);
    const write = world.db.write.bind(world.db);
    world.db.write = () => Promise.reject(new Error("the disk is full"));
    await expect(rollouts.pass("m")).rejects.toThrow("the disk is full");
    world.db.write = write;
    await world.settle(rollouts);
    expect(told()).toHaveLength(1);
    expect(await world.state(2)).toBe("progressing");
  });
});
