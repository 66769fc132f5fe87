import { describe, expect, it } from "vitest";
import { rehearse } from "../../src/rollout/rehearsal.ts";
import type { RolloutDeps } from "../../src/rollout/deps.ts";

/** A version that takes `ms` milliseconds for each answer, and fails from the `failsAt`-th on. */
function version(ms: number, failsAt = Infinity) {
  let now = 0;
  const seen = { asked: 0, lasted: 0 };
  const clock = { now: () => 0, ticks: () => now, sleep: () => Promise.resolve() };
  const backend = {
    async probe() {
      seen.asked++;
      // Four are under way at once.
      now += ms / 4;
      seen.lasted = now;
      if (seen.asked >= failsAt) throw new Error("it can't keep up");
      return { status: 200, body: "{}" };
    },
  };
  const deps = { clock, backend: backend as unknown as RolloutDeps["backend"] };
  const signal = new AbortController();
  const done = () => rehearse(deps, { service: "iris", version: 2 }, "{}", signal.signal).then(() => seen);
  return { done, signal };
}

describe("a version's rehearsal", () => {
  it("ends with its last request where answers are quick", async () => {
    expect(await version(0.5).done()).toEqual({ asked: 2_000, lasted: 250 });
  });

  it("ends after a second and a half once there were enough", async () => {
    const { asked, lasted } = await version(5).done();
    expect(asked).toBeGreaterThanOrEqual(1_200);
    expect(asked).toBeLessThan(1_210);
    expect(lasted).toBeLessThan(1_520);
  });

  it("takes longer on a machine that starves, until there were enough", async () => {
    const { asked, lasted } = await version(30).done();
    expect(asked).toBeGreaterThanOrEqual(1_000);
    expect(asked).toBeLessThan(1_010);
    expect(lasted).toBeGreaterThan(7_000);
  });

  it("doesn't wait for ever for a model that takes long itself", async () => {
    const { lasted } = await version(1_000).done();
    expect(lasted).toBeLessThanOrEqual(12_000);
  });

  it("ends when the version can't keep up, or nobody wants it any more", async () => {
    expect((await version(1, 10).done()).asked).toBeLessThan(14);
    const left = version(1);
    left.signal.abort();
    expect((await left.done()).asked).toBe(0);
  });
});
