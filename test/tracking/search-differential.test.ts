import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMlflowServer, type MlflowServer } from "../support/mlflow-server.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

type Method = "GET" | "POST" | "PATCH";
interface Answer {
  status: number;
  body: Record<string, unknown>;
}
type Send = (method: Method, path: string, fields: object) => Promise<Answer>;

let platforms: TestPlatform[] = [];
let server: MlflowServer | undefined;
/** MLflow, then ours over each database. */
let sides: { send: Send; experiments: string[] }[] = [];

/** The same things on all sides. Ids differ; whatever is compared is told by its name. */
beforeAll(async () => {
  const started = await Promise.all([
    startMlflowServer(),
    startPlatform({ database: "sqlite" }),
    startPlatform({ database: "postgres" }),
  ]);
  const [found, ...ours] = started;
  platforms = ours;
  if (typeof found === "string") throw new Error(`MLflow can't be started here: ${found}`);
  server = found;
  sides = await Promise.all(
    [toServer(found.url), ...ours.map(toPlatform)].map(async (send) => ({
      send,
      experiments: await fill(send),
    })),
  );
}, 180_000);
afterAll(async () => {
  await Promise.all([server?.close(), ...platforms.map((platform) => platform.close())]);
});

function toPlatform({ app }: TestPlatform): Send {
  return async (method, path, fields) => {
    const answer = await app.inject({
      method,
      url: `/api/2.0/mlflow/${path}`,
      ...(method === "GET" ? { query: fields as Record<string, string> } : { payload: fields }),
    });
    return { status: answer.statusCode, body: answer.json() };
  };
}

function toServer(url: string): Send {
  return async (method, path, fields) => {
    const query = method === "GET" ? `?${new URLSearchParams(flat(fields)).toString()}` : "";
    const body = { body: JSON.stringify(fields), headers: { "content-type": "application/json" } };
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}${query}`, {
      method,
      ...(method === "GET" ? {} : body),
    });
    // Its defects answer a page.
    const isJson = answer.headers.get("content-type")?.includes("json") ?? false;
    return isJson
      ? { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
      : { status: 500, body: {} };
  };
}

function flat(fields: object): [string, string][] {
  return Object.entries(fields).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map((item): [string, string] => [key, String(item)]),
  );
}

const TEXTS = [
  "",
  "a",
  "A",
  "b",
  "a%b",
  "a_b",
  "axb",
  "ab",
  "é",
  "É",
  "a'b",
  'a"b',
  "100%",
  "\\",
  "日本",
  "x".repeat(70),
  `${"x".repeat(70)}y`,
];
const NUMBERS = [0, -0.5, 0.5, 0.5, 1, 1e-9, -3e20, "NaN", "Infinity", "-Infinity"];
const RUNS = 24;

async function fill(send: Send): Promise<string[]> {
  const made = async (path: string, fields: object): Promise<Record<string, unknown>> => {
    const { status, body } = await send("POST", path, fields);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  const ids: string[] = [];
  for (const [index, name] of ["one", "Two", "t_ree", "fo%r"].entries()) {
    const tags = [
      { key: "team", value: TEXTS[index + 1] ?? "" },
      { key: "n", value: String(index) },
    ];
    const { experiment_id } = await made("experiments/create", { name, tags: index === 3 ? [] : tags });
    ids.push(String(experiment_id));
  }
  // The same choices on both sides.
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let index = 0; index < RUNS; index++) {
    const created = await made("runs/create", {
      experiment_id: ids[index % 3 === 0 ? 1 : 0],
      run_name: `run ${String(index).padStart(2, "0")}`,
      user_id: TEXTS[1 + random(3)],
      start_time: 1_700_000_000_000 + index * 1000,
      tags: random(2) === 0 ? [{ key: "a tag", value: TEXTS[random(TEXTS.length)] }] : [],
    });
    const run_id = (created["run"] as { info: { run_id: string } }).info.run_id;
    const metrics = ["m", "k"].flatMap((key) =>
      random(4) === 0 ? [] : [{ key, value: NUMBERS[random(NUMBERS.length)], timestamp: 1, step: 0 }],
    );
    const params = ["p", "q/r"].flatMap((key) =>
      random(4) === 0 ? [] : [{ key, value: TEXTS[random(TEXTS.length)] }],
    );
    await made("runs/log-batch", { run_id, metrics, params, tags: [] });
    if (random(2) === 0) {
      const dataset = {
        name: `data${random(3)}`,
        digest: `d${random(2)}`,
        source_type: "local",
        source: "s",
      };
      const tags =
        random(2) === 0 ? [{ key: "mlflow.data.context", value: random(2) === 0 ? "train" : "Eval" }] : [];
      await made("runs/log-inputs", { run_id, datasets: [{ dataset, tags }] });
    }
    if (random(2) === 0)
      await made("runs/update", { run_id, status: "FAILED", end_time: 1_700_000_000_000 + random(5) });
    if (random(6) === 0) await made("runs/delete", { run_id });
  }
  const { run } = await made("runs/create", { experiment_id: ids[3], start_time: 1 });
  const of = run as { info: { run_id: string } };
  for (let index = 0; index < 8; index++) {
    const name = `${["model", "Model", "m_del", "m%zel"][index % 4] ?? ""}${index}`;
    const tags = index % 2 === 0 ? [{ key: "team", value: TEXTS[index] ?? "" }] : [];
    if (index === 5) tags.push({ key: "mlflow.prompt.is_prompt", value: "true" });
    await made("registered-models/create", { name, tags });
    for (let version = 1; version <= index % 3; version++) {
      await made("model-versions/create", {
        name,
        source: index === 5 ? "dummy-source" : `runs:/${of.info.run_id}/${index}/${version}/x`,
        run_id: of.info.run_id,
        tags:
          index === 5
            ? [{ key: "mlflow.prompt.is_prompt", value: "true" }]
            : [{ key: "v", value: String(version) }],
      });
    }
  }
  for (let index = 0; index < 6; index++) {
    const created = await made("logged-models", {
      experiment_id: ids[index % 2],
      name: `lm${index}`,
      model_type: index === 0 ? "" : TEXTS[1 + (index % 3)],
      params: [{ key: "lr", value: ["0.01", "0.1", "x"][index % 3] }],
      tags: index % 2 === 0 ? [{ key: "t", value: TEXTS[index + 1] }] : [],
    });
    const { model_id } = (created["model"] as { info: { model_id: string } }).info;
    const run = await made("runs/create", { experiment_id: ids[2], run_name: `of ${index}`, start_time: 5 });
    const { run_id } = (run["run"] as { info: { run_id: string } }).info;
    const metrics = [0, 1].map((point) => ({
      key: "acc",
      value: [0.5, 0.7, 0.7, 0.9, -1, 3][(index + point) % 6],
      timestamp: 10 + point,
      step: point,
      model_id,
      run_id,
      ...(index % 2 === 0 ? { dataset_name: `data${point}`, dataset_digest: "d0" } : {}),
    }));
    if (index !== 4) await made("runs/log-batch", { run_id, metrics });
    if (index === 1)
      await send("PATCH", `logged-models/${model_id}`, { model_id, status: "LOGGED_MODEL_READY" });
  }
  return ids;
}

/** Which things a search gave, by their names; or that it was refused. */
function shown({ status, body }: Answer, path: string): unknown {
  if (status !== 200) return body["error_code"];
  const of = (list: string): Record<string, unknown>[] => (body[list] ?? []) as Record<string, unknown>[];
  if (path === "runs/search") return of("runs").map((run) => (run["info"] as { run_name: string }).run_name);
  if (path === "logged-models/search")
    return of("models").map((model) => (model["info"] as { name: string }).name);
  if (path === "registered-models/search") return of("registered_models").map((model) => model["name"]);
  if (path === "model-versions/search")
    return of("model_versions").map((version) => `${version["name"]} ${version["version"]}`);
  return of("experiments").map((experiment) => experiment["name"]);
}

async function compare(path: string, fields: (experiments: readonly string[]) => object): Promise<void> {
  const method = path.startsWith("registered") || path.startsWith("model-") ? "GET" : "POST";
  const answers = await Promise.all(
    sides.map(({ send, experiments }) => send(method, path, fields(experiments))),
  );
  const [theirs, ...ours] = answers;
  const asked = JSON.stringify(fields([]));
  for (const answer of ours) {
    // What breaks MLflow must not break us.
    expect(answer.status, `${asked} ${JSON.stringify(answer.body)}`).toBeLessThan(500);
    if (theirs && theirs.status < 500) expect(shown(answer, path), asked).toEqual(shown(theirs, path));
  }
}

const text = fc.constantFrom(
  ...TEXTS.filter((value) => !value.includes("'")),
  "%",
  "_",
  "a%",
  "%b",
  "A_B",
  "%é%",
  "zz",
);
const quoted = text.map((value) => `'${value}'`);
const number = fc.constantFrom("0", "0.5", "-0.5", "1e-9", "1", "2", "-3e20", "1E300", "-1");
const compared = fc.constantFrom(">", ">=", "=", "!=", "<", "<=");
const alike = fc.constantFrom("=", "!=", "LIKE", "ILIKE", "like");
const join = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.join(" "));
const only = <Value>(...values: Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);
const all = (clause: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(clause, { maxLength: 3 }).map((clauses) => clauses.join(" AND "));

const runClause = fc.oneof(
  join(only("metrics.m", "metric.k", "metrics.`m`", 'metrics."k"', "metrics.none"), compared, number),
  join(only("params.p", "param.`q/r`", "parameters.p", "tags.`a tag`", "tag.none"), alike, quoted),
  join(only("params.p", "tags.`a tag`", "tags.none"), only("IS NULL", "is not null")),
  join(
    only("start_time", "attributes.end_time", "created"),
    compared,
    only("1700000005000", "1700000000002", "1.5", "-1"),
  ),
  join(
    only("status", "attr.user_id", "run.run_name", "`Run name`"),
    alike,
    only("'FAILED'", "'a'", "'A'", "'run 0_'", "'run%'"),
  ),
  join(
    only("dataset.name", "datasets.digest", "dataset.context"),
    fc.oneof(alike, only("IN", "NOT IN")),
    only("'data1'", "'d0'", "'train'", "'%a%'"),
  ),
  join(
    only("dataset.name", "dataset.context"),
    only("IN", "NOT IN"),
    only("('data1', 'data2')", "('train')", "('Eval',)"),
  ),
  // What MLflow refuses.
  only(
    "metrics.m = 'x'",
    "params.p = 1",
    "params.p > 'x'",
    "planets.x = 'x'",
    "nothing = 'x'",
    "METRICS.m > 1",
    "dataset.x = 'y'",
    "metrics.m IS NULL",
    "status = 1",
    "start_time = 'x'",
    "metrics.m > 1 OR 1 = 1",
    "run_id IN ()",
    "metrics.m-1 > 2",
    "status IS NULL",
  ),
);
const runField = only(
  "metrics.m",
  "metrics.k",
  "metrics.none",
  "params.p",
  "params.`q/r`",
  "tags.`a tag`",
  "start_time",
  "end_time",
  "attribute.run_name",
  "Created",
  "status",
  "user_id",
  "dataset.name",
  "nothing",
);
const direction = only("", " ASC", " DESC", " desc");
const order = (field: fc.Arbitrary<string>): fc.Arbitrary<string[]> =>
  fc
    .uniqueArray(fc.tuple(field, direction), { selector: ([name]) => name, maxLength: 2 })
    .map((each) => each.map((parts) => parts.join("")));

describe("searches answer as MLflow does", () => {
  const check = <Given extends [unknown, ...unknown[]]>(
    count: number,
    given: fc.Arbitrary<Given>,
    predicate: (...given: Given) => Promise<void>,
  ): Promise<void> =>
    fc.assert(
      fc.asyncProperty(given, (values) => predicate(...values)),
      { numRuns: count, seed: 20261121 },
    );

  it("for runs", () =>
    check(
      70,
      fc.tuple(
        all(runClause),
        order(runField),
        only("ACTIVE_ONLY", "DELETED_ONLY", "ALL"),
        fc.subarray([0, 1]),
      ),
      (filter, order_by, run_view_type, wanted) =>
        compare("runs/search", (experiments) => ({
          experiment_ids: wanted.map((index) => experiments[index]),
          filter,
          order_by,
          run_view_type,
        })),
    ));

  it("for experiments", () =>
    check(
      25,
      fc.tuple(
        all(
          fc
            .oneof(
              join(only("name", "attribute.name"), alike, only("'one'", "'T%'", "'t_%'", "'fo%r'", "'TWO'")),
              join(only("tags.team", "tag.n"), alike, quoted),
              join(only("tags.team", "tags.none"), only("IS NULL", "IS NOT NULL")),
              join(only("creation_time", "last_update_time"), compared, only("0", "99999999999999", "-1")),
              only(
                "experiment_id = '0'",
                "experiment_id IN ('0', '1')",
                "experiment_id != '0'",
                "experiment_id LIKE '1'",
                "creation_time > 1.5",
                "name = 1",
                "name IS NULL",
                "metrics.x > 1",
                "id = 'x'",
                "name > 'a'",
              ),
            )
            .filter((clause) => !clause.includes("like")),
        ),
        order(only("name", "experiment_id", "creation_time", "attribute.last_update_time", "tags.team", "x")),
      ),
      (filter, order_by) => compare("experiments/search", () => ({ filter, order_by, max_results: 100 })),
    ));

  it("for registered models", () =>
    check(
      25,
      fc.tuple(
        all(
          fc.oneof(
            join(only("name", "attribute.name"), alike, only("'model0'", "'m%'", "'M_del%'", "'m\\_del%'")),
            join(only("tags.team", "tag.`team`"), alike, quoted),
            only(
              "tags.`mlflow.prompt.is_prompt` = 'true'",
              "tags.`mlflow.prompt.is_prompt` != 'true'",
              "tags.`mlflow.prompt.is_prompt` != 'false'",
              "tags.`mlflow.prompt.is_prompt` = 'false'",
              "name IN ('model0', 'Model1')",
              "name NOT IN ('model0')",
              "tags.team IS NULL",
              "version = 1",
              "name > 'x'",
              "run_id = 'x'",
            ),
          ),
        ),
        order(only("name", "timestamp", "last_updated_timestamp", "creation_timestamp", "tags.team")),
      ),
      (filter, order_by) =>
        compare("registered-models/search", () => ({ filter, order_by, max_results: 100 })),
    ));

  it("for model versions", () =>
    check(
      25,
      fc.tuple(
        all(
          fc.oneof(
            join(only("name", "source_path"), alike, only("'model4'", "'m%'", "'M_del%'", "'%/2/%'")),
            join(only("version_number"), compared, only("1", "2", "'1'", "0")),
            join(only("tags.v"), alike, only("'1'", "'2'", "'_'")),
            only(
              "tags.`mlflow.prompt.is_prompt` = 'true'",
              "tags.`mlflow.prompt.is_prompt` != 'true'",
              "name IN ('model4', 'Model1')",
              "run_id IN ('a', 'b')",
              "run_id = ''",
              "version_number > 1.5",
              "version_number IN ('1')",
              "tags.v IS NULL",
              "stage = 'None'",
              "source_path IN ('x')",
              "version_number = 'x'",
            ),
          ),
        ),
        order(
          only(
            "name",
            "version_number",
            "creation_timestamp",
            "last_updated_timestamp",
            "source_path",
            "tags.v",
          ),
        ),
      ),
      (filter, order_by) => compare("model-versions/search", () => ({ filter, order_by, max_results: 100 })),
    ));

  it("for logged models", () => {
    const field = only(
      "metrics.acc",
      "metrics.none",
      "name",
      "creation_timestamp",
      "model_type",
      "last_updated_timestamp",
      "params.lr",
      "nothing",
    );
    const dataset = only(
      {},
      {},
      { dataset_name: "data0" },
      { dataset_name: "data1", dataset_digest: "d0" },
      { dataset_name: "none" },
    );
    return check(
      40,
      fc.tuple(
        all(
          fc.oneof(
            join(only("metrics.acc", "metrics.none"), compared, only("0.5", "0.7", "-1", "5")),
            join(
              only("name", "model_type", "tags.t", "attributes.name"),
              alike,
              only("'lm1'", "'lm_'", "'a'", "'A'", "'%'"),
            ),
            join(only("params.lr"), only("=", "!="), only("0.01", "'0.1'", "'x'")),
            join(
              only("creation_timestamp", "last_updated_timestamp_ms"),
              compared,
              only("0", "99999999999999"),
            ),
            only(
              "name IN ('lm0', 'lm3')",
              "name NOT IN ('lm0')",
              "planets.x = 'y'",
              "metrics.acc LIKE 'x'",
              "name > 'x'",
              "params.lr > 1",
            ),
          ),
        ),
        fc.uniqueArray(fc.tuple(field, fc.boolean(), dataset), { selector: ([name]) => name, maxLength: 2 }),
        // Without a digest the server itself, unlike its store, finds only metrics that have none.
        only(
          [],
          [],
          [{ dataset_name: "data0", dataset_digest: "d0" }],
          [
            { dataset_name: "data1", dataset_digest: "d0" },
            { dataset_name: "none", dataset_digest: "d" },
          ],
        ),
      ),
      (filter, orders, datasets) =>
        compare("logged-models/search", (experiments) => ({
          experiment_ids: experiments.slice(0, 2),
          filter,
          order_by: orders.map(([field_name, ascending, on]) => ({ field_name, ascending, ...on })),
          datasets,
        })),
    );
  });
});
