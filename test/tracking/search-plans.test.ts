import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { searchModels, searchVersions } from "../../src/registry/search.ts";
import { defineCommand, type ReadTx, type SqlValue } from "../../src/store/database.ts";
import { searchExperiments } from "../../src/tracking/experiments/search.ts";
import { searchLoggedModels } from "../../src/tracking/models/search.ts";
import { searchRuns } from "../../src/tracking/runs/search.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

const isSqlite = inject("database") === "sqlite";
const RUNS = 11_000;
let platform: TestPlatform;

/** Rows straight into the tables: enough that an index is worth its while, also to PostgreSQL. */
const FILL = [
  `INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage)
   SELECT 'run' || n.i, 0, 'run ' || n.i, 'ada', 'FINISHED', n.i, 'mlflow-artifacts:/0/run' || n.i, 'active' FROM n`,
  ...["m", "k"].map(
    (key, index) =>
      `INSERT INTO latest_metrics (rid, key, timestamp, step, value, is_nan, experiment_id)
       SELECT r.rid, '${key}', 1, 0, ((r.rid * ${7919 + index}) % 1000) / 1000.0, 0, 0 FROM runs r`,
  ),
  ...[
    ["p", 10],
    ["q", 100],
  ].map(
    ([key, values]) =>
      `INSERT INTO params (rid, key, value, experiment_id)
       SELECT r.rid, '${key}', 'v' || (r.rid % ${values}), 0 FROM runs r`,
  ),
  "INSERT INTO tags (rid, key, value, experiment_id) SELECT r.rid, 't', 'v' || (r.rid % 7), 0 FROM runs r",
  `INSERT INTO registered_models (workspace, name, description, creation_time, last_update_time, last_version)
   SELECT 'default', 'model' || n.i, '', n.i, n.i, 1 FROM n`,
  `INSERT INTO model_versions (workspace, name, version, description, user_id, stage, source, artifact_path, run_id,
     run_link, model_id, status, creation_time, last_update_time)
   SELECT 'default', 'model' || n.i, 1, '', '', 'None', 's', '', 'run' || n.i, '', '', 'READY', n.i, n.i FROM n`,
  `INSERT INTO logged_models (model_id, workspace, experiment_id, name, artifact_uri, creation_time,
     last_update_time, status, lifecycle_stage, source_run_id)
   SELECT 'm-' || n.i, 'default', 0, 'lm', '', n.i, n.i, 'LOGGED_MODEL_READY', 'active', 'run' || n.i FROM n`,
  "ANALYZE",
].map((sql) =>
  sql.replace(
    " SELECT",
    sql.includes("FROM n")
      ? ` WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RUNS}) SELECT`
      : " SELECT",
  ),
);

const fill = defineCommand("test.fill", async (tx): Promise<void> => {
  for (const sql of FILL) await tx.run(sql);
});

beforeAll(async () => {
  platform = await startPlatform();
  if (!isSqlite) return platform.db.write(fill, undefined);
  // The product's writer runs the product's commands alone. Without ANALYZE: a laptop's database has no statistics.
  const db = new DatabaseSync(join(platform.folder, "slipway.db"));
  db.exec(`BEGIN; ${FILL.filter((sql) => sql !== "ANALYZE").join(";")}; COMMIT`);
  db.close();
});
afterAll(() => platform.close());

/** How the database carries out each statement of a search. */
async function plansOf(query: (tx: ReadTx) => Promise<object>): Promise<string[]> {
  const plans: string[] = [];
  await platform.db.read(async (tx) => {
    // A page of a few runs out of so few is as well found by reading all: is there an index at all?
    if (!isSqlite) await tx.all("SELECT set_config('enable_seqscan', 'off', true)");
    const explain = tx.dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
    const all = async <Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> => {
      const lines = await tx.all<Record<string, unknown>>(`${explain} ${sql}`, params);
      plans.push(lines.map((line) => String(line["detail"] ?? line["QUERY PLAN"])).join("\n"));
      return tx.all<Row>(sql, params);
    };
    return query({
      dialect: tx.dialect,
      all,
      get: async <Row>(sql: string, params?: readonly SqlValue[]) => (await all<Row>(sql, params))[0],
    });
  });
  return plans;
}

const common = { workspace: "default", pageToken: undefined, limit: 100 };
const runs = (filter: string, orderBy: string[] = [], more: object = {}) =>
  plansOf((tx) =>
    searchRuns(tx, { ...common, experimentIds: [0], view: "ACTIVE_ONLY", filter, orderBy, ...more }),
  );

/** Reading a whole table of what grows with the runs. */
const SCAN = isSqlite
  ? /SCAN (r|t|o|m|v|i|d|e|runs|latest_metrics|params|tags|model_versions|registered_models|logged_models)\b(?! USING (COVERING )?INDEX)/
  : /Seq Scan on (runs|latest_metrics|params|tags|model_versions|registered_models|logged_models)/;
const SORT = isSqlite ? /USE TEMP B-TREE FOR ORDER BY/ : /^\s*(->)?\s*Sort /m;

describe("searches over many runs", () => {
  it.each([
    ["metrics.m > 0.5 AND params.p = 'v3'", ["metrics.m DESC"]],
    ["metrics.m > 0.5 AND params.p = 'v3'", ["metrics.m ASC"]],
    ["metrics.m > 0.5 AND params.p = 'v3'", ["start_time DESC"]],
    ["metrics.m > 0.5 AND params.p = 'v3'", []],
    ["tags.t = 'v3'", []],
    ["", ["metrics.m"]],
    ["", ["params.p DESC"]],
    ["", []],
  ])("walk along an index: %j ordered by %j", async (filter, orderBy) => {
    const plans = await runs(filter, orderBy);
    for (const plan of plans) expect(plan).not.toMatch(SCAN);
    // The page is full before all that match have been seen: nothing sorts them.
    if (isSqlite) for (const plan of plans) expect(plan).not.toMatch(SORT);
  });

  it.each([
    ["metrics.m > 0.98 AND params.p = 'v3'", ["start_time DESC"], "latest_metrics_by_value"],
    ["params.q = 'v3' AND metrics.m > 0.1", ["metrics.k DESC"], "params_by_value"],
    ["tags.t = 'nothing'", ["end_time"], "tags_by_value"],
    ["run_id = 'run77'", ["metrics.k DESC"], ""],
    ["run_id IN ('run77', 'run78')", [], ""],
  ])("look at the few that an index finds: %j ordered by %j", async (filter, orderBy, index) => {
    const plans = await runs(filter, orderBy);
    for (const plan of plans) expect(plan).not.toMatch(SCAN);
    expect(plans.join("\n")).toContain(index);
  });

  it("go on where the page before ended, without looking at it again", async () => {
    for (const orderBy of [[], ["metrics.m DESC"], ["params.p"]]) {
      const search = { ...common, experimentIds: [0], view: "ACTIVE_ONLY" as const, filter: "", orderBy };
      const first = await platform.db.read((tx) => searchRuns(tx, search));
      const { next_page_token: pageToken } = first as { next_page_token?: string };
      for (const plan of await runs("", orderBy, { pageToken })) {
        expect(plan).not.toMatch(SCAN);
        if (isSqlite && orderBy[0] !== "params.p") expect(plan).not.toMatch(SORT);
      }
    }
  });
});

describe("other searches", () => {
  const search = { ...common, filter: "", orderBy: [] };
  it.each<[string, (tx: ReadTx) => Promise<object>]>([
    ["models", (tx) => searchModels(tx, search)],
    ["models by time", (tx) => searchModels(tx, { ...search, orderBy: ["timestamp DESC"] })],
    ["versions", (tx) => searchVersions(tx, search)],
    ["versions of a model", (tx) => searchVersions(tx, { ...search, filter: "name = 'model7'" })],
    ["versions of a run", (tx) => searchVersions(tx, { ...search, filter: "run_id = 'run7'" })],
    ["logged models", (tx) => searchLoggedModels(tx, { ...search, experimentIds: [0] })],
    [
      "logged models of a run",
      (tx) => searchLoggedModels(tx, { ...search, experimentIds: [0], filter: "source_run_id = 'run7'" }),
    ],
    ["experiments", (tx) => searchExperiments(tx, { ...search, view: "ACTIVE_ONLY" })],
  ])("of %s use an index", async (_, query) => {
    for (const plan of await plansOf(query)) expect(plan).not.toMatch(SCAN);
  });
});
