import { describe, expect, it } from "vitest";
import { pruneLabels } from "../../src/rollout/commands/labels.ts";
import { labelLoss, lossOf } from "../../src/rollout/loss.ts";
import { createPredictionLog, LABEL_BOUNDS } from "../../src/rollout/prediction-log.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import { policy, World } from "./world.ts";

const labelled = {
  ...policy,
  metrics: [
    { name: "errors" as const, worseBy: 0.02 },
    { name: "accuracy", from: "labels" as const, worseBy: 0.1, within: 0 },
  ],
};

async function onTrial(wrong: number): Promise<{ world: World; rollouts: Rollouts }> {
  const world = new World();
  world.versions.set(1, { fails: 0, wrong: 0.05 }).set(2, { fails: 0, wrong });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version, { policy: labelled }));
    await world.settle(rollouts);
  }
  return { world, rollouts };
}

const none = { accepted: 0, duplicate: 0, conflicting: 0, unknown: 0, late: 0, mismatch: 0 };

describe("the loss of a labelled prediction", () => {
  it.each([
    [["a"], "a", 0],
    [["a"], "b", 1],
    [[1], "1", 0],
    [["1"], true, 0],
    [["a", "b", "b", "b"], ["a", "b", "a", "a"], 0.5],
    [["a", "b"], "a", undefined],
    [[], "a", undefined],
  ] as const)("of %j against %j is %j", (prediction, label, loss) => {
    expect(labelLoss(prediction, label as never)).toBe(loss);
  });
});

describe("the loss of a request", () => {
  const answered = { failed: false, prediction: ["a"] };
  it.each([
    ["a failed one is a whole one", { failed: true, prediction: null }, { label: "a" }, 1],
    ["also where the caller worked it out", { failed: true, prediction: null }, { loss: 0.2 }, 1],
    ["a given one is taken as it is", answered, { loss: 0.2 }, 0.2],
    ["also without a prediction in the log", { failed: false, prediction: null }, { loss: 0.2 }, 0.2],
    ["a label needs a prediction", { failed: false, prediction: null }, { label: "a" }, undefined],
  ])("%s", (_, of, truth, loss) => {
    expect(lossOf(of, truth)).toBe(loss);
  });
});

describe("labels", () => {
  it("take out a version whose answers are wrong and otherwise look well", async () => {
    const { world, rollouts } = await onTrial(0.6);
    let told = 0;
    await world.run(
      rollouts,
      async () => {
        const labels = world.backend.log.slice(told).map(({ requestId }) => ({ id: requestId, label: "a" }));
        told = world.backend.log.length;
        if (labels.length > 0) await rollouts.labels("m", labels);
        return (await world.state(2)) === "rolledback";
      },
      { predictions: true },
    );
    expect((await world.rollout(2)).sentence).toMatch(
      /version 2 was wrong on \d+ of \d+ labelled answers \(accuracy\)/,
    );
    const { requestId = "" } = world.backend.log.at(-1) ?? {};
    expect((await rollouts.labels("m", [{ id: requestId, label: "b" }])).conflicting).toBe(1);
  });

  it("count once: repeats have no effect, another label for the same request is refused", async () => {
    const { world, rollouts } = await onTrial(0.05);
    world.backend.serve("m", 100, { predictions: true });
    await world.settle(rollouts);
    const label = [{ id: "r0", label: "b" }];
    expect(await rollouts.labels("m", label)).toEqual({ ...none, accepted: 1 });
    expect(await rollouts.labels("m", label)).toEqual({ ...none, duplicate: 1 });
    expect(await rollouts.labels("m", [{ id: "r0", label: "a" }])).toEqual({ ...none, conflicting: 1 });
    await world.settle(rollouts);
    expect(await counted(world)).toEqual({ units: 1, loss: 0 });
  });

  it("of another number of rows are replaced by the right one, also with nothing on trial", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0, wrong: 0 });
    const rollouts = world.open();
    await rollouts.request(world.request(1, { policy: labelled }));
    await world.settle(rollouts);
    world.backend.serve("m", 2, { predictions: true });
    for (const record of world.backend.log) record.at = world.clock.now();
    expect(await rollouts.labels("m", [{ id: "r0", label: ["a", "b"] }])).toEqual({ ...none, mismatch: 1 });
    expect(await rollouts.labels("m", [{ id: "r0", label: "a" }])).toEqual({ ...none, accepted: 1 });
    expect(await rollouts.labels("m", [{ id: "r0", label: "b" }])).toEqual({ ...none, conflicting: 1 });
  });

  it("wait for their prediction, and are unknown when none comes", async () => {
    const { world, rollouts } = await onTrial(0.05);
    const answer = await rollouts.labels("m", [
      { id: "r0", label: "a" },
      { id: "nobody", label: "a" },
    ]);
    expect(answer).toEqual({ ...none, accepted: 2 });
    world.backend.serve("m", 20, { predictions: true });
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ units: 1 });
    world.clock.time += LABEL_BOUNDS.grace + 20_000;
    await world.settle(rollouts);
    expect(await rollouts.labels("m", [{ id: "nobody", label: "a" }])).toEqual({ ...none, unknown: 1 });
  });

  it("are forgotten, the oldest first, when nobody could keep so many", async () => {
    const { world, rollouts } = await onTrial(0.05);
    for (let part = 0; part < 6; part++) {
      world.clock.time += 1000;
      const labels = Array.from({ length: 10 }, (_, i) => ({ id: `nobody-${part}-${i}`, label: "a" }));
      await rollouts.labels("m", labels);
    }
    const prune = async (more: Partial<typeof LABEL_BOUNDS>): Promise<string[]> => {
      await world.db.write(pruneLabels, { ...LABEL_BOUNDS, ...more, now: world.clock.time });
      const rows = await world.db.read((tx) =>
        tx.all<{ id: string }>("SELECT DISTINCT substr(request_id, 1, 8) AS id FROM rollout_labels"),
      );
      return rows.map(({ id }) => id).sort();
    };
    expect(await prune({})).toHaveLength(6);
    expect(await prune({ labelRows: 25 })).toEqual(["nobody-4", "nobody-5"]);
    expect(await prune({ labelAge: 500 })).toEqual(["nobody-5"]);
  });

  it("are late once the rollout has ended, and predictions by version in the path never count", async () => {
    const { world, rollouts } = await onTrial(0.05);
    world.backend.serve("m", 100, { predictions: true });
    const direct = world.backend.log[1];
    if (direct) direct.direct = true;
    await world.settle(rollouts);
    await rollouts.labels("m", [{ id: "r1", label: "b" }]);
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ units: 0 });
    await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    expect(await rollouts.labels("m", [{ id: "r2", label: "a" }])).toEqual({ ...none, late: 1 });
  });

  it("are checked against what was answered right before, whether that had been read or not", async () => {
    const { world, rollouts } = await onTrial(0.05);
    world.backend.serve("m", 20, { predictions: true });
    const now = world.clock.now();
    for (const record of world.backend.log) record.at = now;
    const early = { id: "r3", label: "a", at: now - 10_000 };
    await expect(rollouts.labels("m", [{ id: "r2", label: "a" }, early])).rejects.toMatchObject({
      code: "LABEL_TOO_EARLY",
      facts: { where: "body.labels.1.at" },
    });
    expect(await rollouts.labels("m", [{ id: "r3", label: "a" }])).toEqual({ ...none, accepted: 1 });
  });

  it("sent at the same time share a reading of the prediction log", async () => {
    const { world, rollouts } = await onTrial(0.05);
    world.backend.serve("m", 50, { predictions: true });
    const read = world.backend.predictions.bind(world.backend);
    let readings = 0;
    world.backend.predictions = (cursor, limit, services) => {
      readings++;
      return read(cursor, limit, services);
    };
    const calls = Array.from({ length: 50 }, (_, i) => rollouts.labels("m", [{ id: `r${i}`, label: "a" }]));
    for (const answer of await Promise.all(calls)) expect(answer).toEqual({ ...none, accepted: 1 });
    expect(readings).toBeGreaterThan(0);
    expect(readings).toBeLessThanOrEqual(3);
  });

  it("are taken while the prediction log can't be read, and joined when it can", async () => {
    const { world, rollouts } = await onTrial(0.05);
    const read = world.backend.predictions.bind(world.backend);
    world.backend.predictions = () => Promise.reject(new Error("serve is away"));
    expect(await rollouts.labels("m", [{ id: "r0", label: "a" }])).toEqual({ ...none, accepted: 1 });
    world.backend.predictions = read;
    world.backend.serve("m", 20, { predictions: true });
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ units: 1 });
  });

  it("don't wait for a prediction log that answers nothing", async () => {
    const { world, rollouts } = await onTrial(0.05);
    world.backend.predictions = () => new Promise(() => undefined);
    const answer = rollouts.labels("m", [{ id: "r0", label: "a" }]);
    await expect.poll(() => world.clock.sleepers).toBe(1);
    world.clock.wake();
    expect(await answer).toEqual({ ...none, accepted: 1 });
  });

  it("have their predictions kept after a restart too, whatever the metrics", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0 });
    const rollouts = world.open();
    await rollouts.request(world.request(1));
    await world.settle(rollouts);
    const kept = async (): Promise<number> => {
      world.backend.serve("m", 5, { predictions: true });
      for (const record of world.backend.log) record.at = world.clock.now();
      await createPredictionLog(world.deps()).ingest();
      const rows = await world.db.read((tx) => tx.all("SELECT request_id FROM rollout_predictions"));
      return rows.length;
    };
    expect(await kept()).toBe(0);
    await rollouts.labels("m", [{ id: "nobody", label: "a" }]);
    // What was passed over before is read again by the next process.
    expect(await kept()).toBe(10);
  });

  it("are refused for a service that doesn't exist", async () => {
    const { rollouts } = await onTrial(0);
    await expect(rollouts.labels("x", [])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

async function counted(world: World): Promise<{ units: number; loss: number } | undefined> {
  const row = await world.db.read((tx) =>
    tx.get<{ judgement: string }>("SELECT judgement FROM rollouts WHERE version = 2"),
  );
  const { metrics } = JSON.parse(row?.judgement ?? "{}") as {
    metrics: { metric: string; champion: { units: number; loss: number } }[];
  };
  return metrics.find(({ metric }) => metric === "accuracy")?.champion;
}
