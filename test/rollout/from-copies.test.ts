import { describe, expect, it } from "vitest";
import type { Interval, MetricEvidence } from "../../src/rollout/judge.ts";
import { createStoredJudge } from "../../src/rollout/stored-judge.ts";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { policy, World } from "./world.ts";

const both: RolloutPolicy = {
  ...policy,
  metrics: [
    { name: "errors", worseBy: 0.02 },
    { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 0 },
  ],
};

/** Pairs whose challenger takes `slower` times as long. */
function copies(at: number, units: number, slower: number): Interval {
  const arm = (factor: number) => ({
    ended: units,
    loss: 0,
    pending: 0,
    aborted: 0,
    latency: Array.from({ length: 20 }, (_, i): [number, number] => [
      latencyBucket((20 + i) * factor),
      units / 20,
    ]),
    abortedLatency: [],
  });
  return { at, requests: [{ share: 0.5, champion: arm(1), challenger: arm(slower) }], labels: {} };
}

function judged(slower: number): Record<"before" | "after", Record<string, MetricEvidence>> {
  const judge = createStoredJudge();
  let state = judge.start(both, 0, { maxLifeMs: 1000 });
  for (let i = 1; i <= 60; i++) state = judge.observe(state, copies(i * 1000, 100, slower), both);
  const evidence = (of: typeof state): Record<string, MetricEvidence> =>
    Object.fromEntries(judge.judge(of, both, 0).metrics.map((metric) => [metric.metric, metric]));
  return { before: evidence(state), after: evidence(judge.fromCopies(state)) };
}

describe("from copies to real requests", () => {
  it("latency's evidence above 1 starts from 1 again, what is below stays, errors keep theirs", () => {
    const { before, after } = judged(1);
    expect(before["latency"]?.safety).toBeGreaterThan(20);
    expect(after["latency"]?.safety).toBeLessThanOrEqual(1 + 1e-9);
    expect(after["latency"]?.harm).toBe(before["latency"]?.harm);
    expect(after["errors"]).toEqual(before["errors"]);
    expect(before["errors"]?.safety).toBeGreaterThan(20);
  });

  it("the same for harm", () => {
    const { before, after } = judged(2);
    expect(before["latency"]?.harm).toBeGreaterThan(100);
    expect(after["latency"]?.harm).toBeLessThanOrEqual(1 + 1e-9);
  });

  it("is applied once: at the first look that sees what callers were answered", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 });
    const rollouts = world.open();
    for (const version of [1, 2]) {
      await rollouts.request(
        world.request(version, { policy: { ...both, shadow: { share: 100, for: 20_000 }, steps: [50] } }),
      );
      await world.settle(rollouts);
    }
    const safety = async (): Promise<number> => {
      const row = await world.db.read((tx) =>
        tx.get<{ judgement: string }>("SELECT judgement FROM rollouts WHERE version = 2"),
      );
      const { metrics } = JSON.parse(row?.judgement ?? "{}") as { metrics: MetricEvidence[] };
      return metrics.find(({ metric }) => metric === "latency")?.safety ?? 0;
    };
    const seen: number[] = [];
    for (let i = 0; i < 20; i++) {
      world.clock.time += 1000;
      world.backend.serve("m", 400);
      await world.settle(rollouts);
    }
    expect(world.backend.rules.get("m")).toMatchObject({ share: 0.5 });
    expect(await safety()).toBeGreaterThan(20);
    for (const requests of [8, 80]) {
      world.clock.time += 1000;
      world.backend.serve("m", requests);
      await world.settle(rollouts);
      seen.push(await safety());
    }
    expect(Math.max(...seen)).toBeLessThan(20);
    // Once: otherwise no evidence could ever gather.
    await world.run(rollouts, async () => (await world.state(2)) === "promoted");
  });
});
