import { expect, test } from "vitest";
import { buildEvidence } from "../../src/rollout/evidence-builder.ts";
import { rolloutMigrations } from "../../src/rollout/migrations.ts";
import { selectRollouts, selectService } from "../../src/rollout/rows.ts";
import type { ReadTx } from "../../src/store/database.ts";
import { Connection } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { serving } from "./world.ts";

/** As the first version stored it. */
const OLD_POLICY = {
  steps: [5, 25, 50],
  falseRollbackRate: 0.01,
  falsePromotionRate: 0.05,
  metrics: [
    { name: "errors", worseBy: 0.02 },
    { name: "accuracy", from: "labels", worseBy: 0.02 },
  ],
  deadline: 3_600_000,
  onNotEnoughData: "hold",
  approval: "none",
  onAliasSet: "rollout",
};

/** As the first version's judge told it. */
const OLD_JUDGEMENT = {
  verdict: "undecided",
  advance: false,
  metrics: [
    {
      metric: "errors",
      verdict: "undecided",
      champion: { units: 95, loss: 1 },
      challenger: { units: 5, loss: 1 },
      harm: 3,
      safety: 0.5,
    },
    {
      metric: "accuracy",
      verdict: "undecided",
      champion: { units: 9, loss: 1 },
      challenger: { units: 1, loss: 0 },
      harm: 1,
      safety: 2,
    },
  ],
  sentence: "version 2 failed 1 of 5",
};

test("rollouts of the first version are read on, with what their policies didn't say", async () => {
  const connection = Connection.forWriting(":memory:");
  const [first] = rolloutMigrations;
  migrate(connection, first ? [first] : [], 0);
  const request = { model: "m", version: 2, policy: OLD_POLICY, serving };
  connection.run(
    `INSERT INTO rollout_services (name, project, champion, challenger, weight, commit_order, policy)
     VALUES ('m', 'p', 1, 2, 5, 2, ?)`,
    [JSON.stringify(OLD_POLICY)],
  );
  for (const [id, seq, kind, progressing] of [
    ["ro-1", 1, "direct", null],
    ["ro-2", 2, "canary", 1000],
  ] as const) {
    connection.run(
      `INSERT INTO rollouts (id, seq, request_key, service, version, kind, state, step, request, look, labels_cursor,
         created_at, progressing_at, deadline_at, judgement)
       VALUES (?, ?, ?, 'm', 2, ?, 'progressing', 1, ?, 0, 0, 900, ?, 3601000, ?)`,
      [
        id,
        seq,
        id,
        kind,
        JSON.stringify(request),
        progressing,
        kind === "canary" ? JSON.stringify(OLD_JUDGEMENT) : null,
      ],
    );
  }
  connection.run(
    `INSERT INTO rollout_cursors (rollout_id, version, arm, epoch, incarnation, share, finished, failed)
     VALUES ('ro-2', 2, 'challenger', 'c2', 'i1', 0.05, 7, 1)`,
    [],
  );
  migrate(connection, rolloutMigrations, 0);
  const tx: ReadTx = {
    dialect: "sqlite",
    all: async <Row>(sql: string, params: Parameters<ReadTx["all"]>[1]) =>
      connection.all(sql, params) as Row[],
    get: async <Row>(sql: string, params: Parameters<ReadTx["get"]>[1]) =>
      connection.all(sql, params)[0] as Row | undefined,
  };
  const added = { kind: "canary", shadow: null, fallback: false, watch: 600_000, guard: null };
  const metrics = [OLD_POLICY.metrics[0], { ...OLD_POLICY.metrics[1], within: 0 }];
  expect(await selectRollouts(tx, "1 = 1", [])).toMatchObject([
    { id: "ro-1", kind: "instant", phase: null, continues: null },
    { id: "ro-2", kind: "canary", phase: "steps", phaseAt: 1000, request: { policy: { ...added, metrics } } },
  ]);
  const [rollout] = await selectRollouts(tx, "id = 'ro-2'", []);
  const service = await selectService(tx, "m");
  if (!rollout || !service) throw new Error("they were stored");
  const evidence = buildEvidence({
    rollout,
    service,
    kept: undefined,
    badAnswers: 1,
    isDiverged: false,
    change: [],
    outlook: [],
    notes: [],
    now: 2000,
  });
  expect(evidence).toMatchObject({
    harm: 2,
    harmThreshold: 100,
    safetyThreshold: 20,
    guard: null,
    metrics: [
      { kind: "errors", advance: 0.5 },
      { kind: "labels", advance: 2 },
    ],
    sentence: expect.stringMatching(/^version 2 failed 1 of 5 requests, the champion 1 of 95;/) as string,
  });
  expect(await selectService(tx, "m")).toMatchObject({ shadow: null, policy: { ...added, metrics } });
  expect(connection.all("SELECT finished, failed, rest FROM rollout_cursors", [])).toEqual([
    { finished: 7, failed: 1, rest: null },
  ]);
  connection.close();
});
