import { describe, expect, it } from "vitest";
import { evidenceMigration } from "../../src/rollout/evidence-migration.ts";
import { rolloutMigrations } from "../../src/rollout/migrations.ts";
import type { PredictionRecord } from "../../src/serving/outcomes.ts";
import { takeLabels } from "../../src/rollout/label-cells.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import type { RolloutMetric } from "../../src/spec/project.ts";
import { Connection } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { policy, World } from "./world.ts";

const HOUR = 3_600_000;
const none = { accepted: 0, duplicate: 0, conflicting: 0, unknown: 0, late: 0, mismatch: 0 };

function labelMetric(name: string, within: number): RolloutMetric {
  return { name, from: "labels", worseBy: 0.1, within };
}

async function onTrial(
  ...metrics: RolloutMetric[]
): Promise<{ world: World; rollouts: Rollouts; serve(requests: number): Promise<PredictionRecord[]> }> {
  const world = new World();
  world.versions.set(1, { fails: 0 }).set(2, { fails: 0 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(world.request(version, { policy: { ...policy, deadline: 100 * HOUR, metrics } }));
    await world.settle(rollouts);
  }
  const serve = async (requests: number): Promise<PredictionRecord[]> => {
    const from = world.backend.log.length;
    world.backend.serve("m", requests, { predictions: true });
    const records = world.backend.log.slice(from);
    for (const record of records) record.at = world.clock.time;
    await world.settle(rollouts);
    return records;
  };
  return { world, rollouts, serve };
}

/** Units and loss of the champion that the judge has counted, by metric. */
async function counted(world: World): Promise<Record<string, { units: number; loss: number }>> {
  const row = await world.db.read((tx) =>
    tx.get<{ judgement: string }>("SELECT judgement FROM rollouts WHERE version = 2"),
  );
  const { metrics } = JSON.parse(row?.judgement ?? '{"metrics":[]}') as {
    metrics: { metric: string; champion: { units: number; loss: number } }[];
  };
  return Object.fromEntries(metrics.map(({ metric, champion }) => [metric, champion]));
}

describe("a metric that waits for its labels", () => {
  it("counts a label when its prediction is old enough, each metric by its own time, and once", async () => {
    const errors: RolloutMetric = { name: "errors", worseBy: 0.02 };
    const { world, rollouts, serve } = await onTrial(
      errors,
      labelMetric("soon", 0),
      labelMetric("later", HOUR),
      labelMetric("also-later", HOUR),
    );
    const records = await serve(40);
    const champions = records.filter(({ arm }) => arm === "champion").slice(0, 10);
    const labels = champions.map(({ requestId }, i) => ({ id: requestId, label: i < 3 ? "b" : "a" }));
    expect(await rollouts.labels("m", labels)).toEqual({ ...none, accepted: 10 });
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({
      soon: { units: 10, loss: 3 },
      later: { units: 0 },
      "also-later": { units: 0 },
    });
    world.clock.time += HOUR - 1;
    await world.settle(rollouts);
    expect((await counted(world)).later).toMatchObject({ units: 0 });
    world.clock.time += 1;
    await world.settle(rollouts);
    const all = { units: 10, loss: 3 };
    expect(await counted(world)).toMatchObject({ soon: all, later: all, "also-later": all });
    world.clock.time += HOUR;
    await serve(10);
    expect(await counted(world)).toMatchObject({ soon: all, later: all, "also-later": all });
  });

  it("counts a label once that is sent again and again for as long as its prediction is kept", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", 120 * HOUR));
    const record = (await serve(40)).find(({ arm }) => arm === "champion");
    const labels = [{ id: record?.requestId ?? "", label: "a" }];
    expect(await rollouts.labels("m", labels)).toEqual({ ...none, accepted: 1 });
    for (const wait of [130 * HOUR, 50 * HOUR, 50 * HOUR]) {
      world.clock.time += wait;
      await world.settle(rollouts);
      expect(await rollouts.labels("m", labels)).toEqual({ ...none, duplicate: 1 });
      await world.settle(rollouts);
      expect(await counted(world)).toMatchObject({ accuracy: { units: 1 } });
    }
  });

  it("counts a label at once that comes later than that", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", HOUR / 2));
    const record = (await serve(40)).find(({ arm }) => arm === "champion");
    world.clock.time += HOUR / 2 + 1;
    await rollouts.labels("m", [{ id: record?.requestId ?? "", label: "a" }]);
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ accuracy: { units: 1, loss: 0 } });
  });

  it("takes what a look may count and leaves it until the look is saved", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", HOUR));
    const records = await serve(40);
    await rollouts.labels(
      "m",
      records.map(({ requestId }) => ({ id: requestId, loss: 0.25 })),
    );
    const rollout = await world.db.read((tx) =>
      tx.get<{ id: string }>("SELECT id FROM rollouts WHERE version = 2"),
    );
    const of = {
      id: rollout?.id ?? "",
      request: { policy: { metrics: [labelMetric("accuracy", HOUR)] } },
    };
    const take = (now: number): ReturnType<typeof takeLabels> =>
      world.db.read((tx) => takeLabels(tx, of, now));
    expect((await take(world.clock.time)).counted).toEqual([]);
    const due = await take(world.clock.time + HOUR);
    expect(due.counted).toHaveLength(40);
    expect(due.cells.accuracy).toEqual([
      {
        share: 0.05,
        champion: { ended: 38, loss: 9.5, pending: 0, aborted: 0 },
        challenger: { ended: 2, loss: 0.5, pending: 0, aborted: 0 },
      },
    ]);
    expect(await take(world.clock.time + HOUR)).toEqual(due);
  });
});

describe("a label", () => {
  it("of a copied request is compared with the prediction of the arm that the coin chose", async () => {
    const { world, rollouts } = await onTrial(labelMetric("accuracy", 0));
    world.backend.serve("m", 4, { predictions: true });
    const [one, two, three, four] = world.backend.log.slice(-4);
    if (!one || !two || !three || !four) throw new Error("no predictions");
    const shadow = { version: 2, status: 200, prediction: ["b"] };
    for (const record of [one, two, three, four]) {
      Object.assign(record, { at: world.clock.time, share: 0.5, version: 1, prediction: ["a"], shadow });
    }
    one.arm = "champion";
    two.arm = "challenger";
    Object.assign(three, { arm: "challenger", shadow: { version: 2, status: 500 } });
    // Without a copy: the champion answered what the challenger failed.
    Object.assign(four, { arm: "challenger", shadow: undefined, fallback: { version: 2, status: 500 } });
    await world.settle(rollouts);
    await rollouts.labels(
      "m",
      [one, two, three, four].map(({ requestId }) => ({ id: requestId, label: "a" })),
    );
    const rows = await world.db.read((tx) =>
      tx.all<{ arm: string; loss: number }>("SELECT arm, loss FROM rollout_labels ORDER BY join_seq"),
    );
    expect(rows.map(({ arm, loss }) => [arm, loss])).toEqual([
      ["champion", 0],
      ["challenger", 1],
      ["challenger", 1],
      ["challenger", 1],
    ]);
  });

  it("that can't be compared doesn't count and may be sent again", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", 0));
    const [record] = await serve(20);
    const id = record?.requestId ?? "";
    expect(await rollouts.labels("m", [{ id, label: ["a", "b"] }])).toEqual({ ...none, mismatch: 1 });
    expect(await rollouts.labels("m", [{ id, label: ["a", "b"] }])).toEqual({ ...none, mismatch: 1 });
    expect(await rollouts.labels("m", [{ id, label: "a" }])).toEqual({ ...none, accepted: 1 });
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ accuracy: { units: 1, loss: 0 } });
    expect(await rollouts.labels("m", [{ id, loss: 0.5 }])).toEqual({ ...none, conflicting: 1 });
  });

  it("that is wrong is refused with all that came with it", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", 0));
    const [record] = await serve(20);
    const id = record?.requestId ?? "";
    const now = world.clock.time;
    const good = { id, label: "a" };
    const refused = [
      [{ id: "x", loss: 1.01 }, "LABEL_LOSS_INVALID", "body.labels.1.loss"],
      [{ id: "x", loss: -0.1 }, "LABEL_LOSS_INVALID", "body.labels.1.loss"],
      [{ id: "x", loss: Number.POSITIVE_INFINITY }, "LABEL_LOSS_INVALID", "body.labels.1.loss"],
      [{ id: "x", loss: Number.NaN }, "LABEL_LOSS_INVALID", "body.labels.1.loss"],
      [{ id: "x", label: "a", loss: 0.5 }, "LABEL_AND_LOSS", "body.labels.1"],
      [{ id: "x", label: "a", at: now + 61_000 }, "LABEL_IN_FUTURE", "body.labels.1.at"],
      [{ id: "x", label: "a", at: "yesterday" }, "LABEL_TIME_INVALID", "body.labels.1.at"],
      [{ id: "x", label: "a", at: "2023-02-29T00:00:00Z" }, "LABEL_TIME_INVALID", "body.labels.1.at"],
      [{ id: "x", label: "a", at: "2026-01-01T00:00:00" }, "LABEL_TIME_INVALID", "body.labels.1.at"],
      [{ id, label: "a", at: now - HOUR }, "LABEL_TOO_EARLY", "body.labels.1.at"],
    ] as const;
    for (const [bad, code, where] of refused) {
      const refusal = await rollouts.labels("m", [good, bad]).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code, facts: { where } });
      const { given, allowed } = (refusal as { facts: { given: string; allowed: string } }).facts;
      expect(given).not.toBe("");
      expect(allowed).not.toBe("");
    }
    const stored = await world.db.read((tx) => tx.all("SELECT request_id FROM rollout_labels"));
    expect(stored).toEqual([]);
    const fine = { id, label: "a", at: new Date(now + 59_000).toISOString() };
    expect(await rollouts.labels("m", [fine])).toEqual({ ...none, accepted: 1 });
  });

  it("of another service is refused by that service's name, unless both have such an id", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", 0));
    await serve(5);
    await rollouts.request(world.request(1, { key: "other", model: "n" }));
    await world.settle(rollouts, "n");
    const [of] = world.backend.log;
    const id = of?.requestId ?? "";
    await expect(rollouts.labels("n", [{ id, label: "a" }])).rejects.toMatchObject({
      code: "LABEL_OTHER_SERVICE",
      message: expect.stringContaining("service m"),
    });
    // A caller may use one id for all that it asks; this one's prediction hasn't been read yet.
    if (of) world.backend.log.push({ ...of, service: "n", at: world.clock.time });
    expect(await rollouts.labels("n", [{ id, label: "a" }])).toEqual({ ...none, accepted: 1 });
  });
});

describe("a prediction", () => {
  it("is kept for labels as long as a metric waits for them, and as long again", async () => {
    const { world, rollouts, serve } = await onTrial(labelMetric("accuracy", 5 * HOUR));
    const [one, two] = await serve(20);
    world.clock.time += 9 * HOUR;
    await serve(1);
    expect(await rollouts.labels("m", [{ id: one?.requestId ?? "", label: "b" }])).toMatchObject({
      accepted: 1,
    });
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ accuracy: { units: 1, loss: 1 } });
    world.clock.time += 2 * HOUR;
    await serve(1);
    await rollouts.labels("m", [{ id: two?.requestId ?? "", label: "b" }]);
    await world.settle(rollouts);
    expect(await counted(world)).toMatchObject({ accuracy: { units: 1, loss: 1 } });
  });
});

describe("labels of an earlier version's database", () => {
  it("that were joined and not counted yet are counted at once, others not again", async () => {
    const connection = Connection.forWriting(":memory:");
    const before = rolloutMigrations.slice(0, rolloutMigrations.indexOf(evidenceMigration));
    migrate(connection, before, 0);
    const insert = (table: string, row: Record<string, string | number | null>): void =>
      void connection.run(
        `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row).map(() => "?")})`,
        Object.values(row),
      );
    for (const [id, endedAt] of [
      ["running", null],
      ["ended", 9],
    ] as const) {
      const seq = id === "running" ? 1 : 2;
      const texts = { request_key: id, service: "m", kind: "canary", state: "progressing", request: "{}" };
      const numbers = {
        seq,
        version: 2,
        step: 0,
        look: 1,
        labels_cursor: 1,
        created_at: 0,
        ended_at: endedAt,
      };
      insert("rollouts", { id, ...texts, ...numbers });
      for (const join_seq of [1, 2]) {
        const label = { label: '"a"', at: 5, state: "joined", share: 0.1, arm: "champion", loss: 0 };
        insert("rollout_labels", {
          service: "m",
          request_id: `${id}-${join_seq}`,
          rollout_id: id,
          join_seq,
          ...label,
        });
      }
    }
    migrate(connection, rolloutMigrations, 0);
    expect(connection.all("SELECT request_id, within_ms, due_at FROM rollout_labels_due")).toEqual([
      { request_id: "running-2", within_ms: 0, due_at: 5 },
    ]);
    connection.close();
  });
});
