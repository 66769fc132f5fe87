import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTenancy, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let redAdmin: string;
let blueAdmin: string;
/** Names and ids of red's things, and of things that are nowhere, in the same places. */
let reds: Record<string, string>;
const NOWHERE: Record<string, string> = {
  run_id: "ab".repeat(16),
  experiment_id: "987654",
  experiment_name: "nowhere's",
  model_id: `m-${"cd".repeat(16)}`,
  name: "nowhere-model",
  trace_id: `tr-${"ef".repeat(16)}`,
  dataset_id: `d-${"12".repeat(16)}`,
  assessment_id: `a-${"34".repeat(16)}`,
  webhook_id: "ab".repeat(16),
  workspace_name: "nowhere",
};

const MLFLOW = "/api/2.0/mlflow";
const UNKNOWN = "what-is-this";

beforeAll(async () => {
  platform = await startTenancy();
  for (const name of ["crimson", "blue"]) await platform.ask("POST", "/tenants", { body: { name } });
  redAdmin = await platform.person("rita", { crimson: "admin" });
  blueAdmin = await platform.person("ben", { blue: "admin" });
  reds = await furnish(redAdmin);
});
afterAll(() => platform.close());

/** Makes one of everything in the caller's tenant. */
async function furnish(as: string): Promise<Record<string, string>> {
  const call = async (method: string, path: string, body: object, prefix = MLFLOW) => {
    const answer = await platform.ask(method, `${prefix}/${path}`, { as, body });
    expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBe(200);
    return answer.body;
  };
  const { experiment_id } = await call("POST", "experiments/create", {
    name: "red's",
    tags: [{ key: "k", value: "v" }],
  });
  const { run } = await call("POST", "runs/create", { experiment_id, start_time: 1 });
  const { run_id } = run.info;
  await call("POST", "runs/log-batch", {
    run_id,
    metrics: [{ key: "k", value: 1, timestamp: 1, step: 0 }],
    params: [{ key: "k", value: "v" }],
    tags: [{ key: "k", value: "v" }],
  });
  const { model } = await call("POST", "logged-models", {
    experiment_id,
    name: "net",
    source_run_id: run_id,
  });
  await call("POST", "registered-models/create", { name: "red-model", tags: [{ key: "k", value: "v" }] });
  await call("POST", "model-versions/create", {
    name: "red-model",
    source: `${run.info.artifact_uri}/model`,
    run_id,
    tags: [{ key: "k", value: "v" }],
  });
  await call("POST", "registered-models/alias", { name: "red-model", alias: "best", version: "1" });
  const trace_id = `tr-${run_id}`;
  const location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id } };
  const trace_info = {
    trace_id,
    trace_location: location,
    request_time: "2026-01-01T00:00:00Z",
    state: "OK",
  };
  const three = "/api/3.0/mlflow";
  await call("POST", "traces", { trace: { trace_info } }, three);
  const source = { source_type: "HUMAN", source_id: "x" };
  const feedback = { assessment_name: "good", trace_id, source, feedback: { value: true } };
  const { assessment } = await call(
    "POST",
    `traces/${trace_id}/assessments`,
    { assessment: feedback },
    three,
  );
  const { dataset } = await call(
    "POST",
    "datasets/create",
    { name: "set", experiment_ids: [experiment_id] },
    three,
  );
  const { webhook } = await call("POST", "webhooks", {
    name: "hook",
    url: "https://93.184.215.14/hook",
    events: [{ entity: "REGISTERED_MODEL", action: "CREATED" }],
  });
  return {
    run_id,
    experiment_id,
    experiment_name: "red's",
    model_id: model.info.model_id,
    name: "red-model",
    trace_id,
    assessment_id: assessment.assessment_id,
    dataset_id: dataset.dataset_id,
    webhook_id: webhook.webhook_id,
    workspace_name: "crimson",
  };
}

/** Every field that a call of MLflow's API may name a thing by, with what else it needs. */
function fieldsFor(ids: Record<string, string>): Record<string, unknown> {
  const all = { ...NOWHERE, ...ids };
  return {
    ...all,
    run_uuid: all["run_id"],
    id: all["dataset_id"],
    traceId: all["trace_id"],
    assessmentId: all["assessment_id"],
    run_ids: [all["run_id"]],
    experiment_ids: [all["experiment_id"]],
    trace_ids: [all["trace_id"]],
    request_ids: [all["trace_id"]],
    dataset_ids: [all["dataset_id"]],
    request_id: all["trace_id"],
    model_name: all["name"],
    version: "1",
    alias: "best",
    stage: "Production",
    archive_existing_versions: true,
    key: "k",
    metric_key: "k",
    value: "w",
    timestamp: 1,
    step: 0,
    start_step: 0,
    end_step: 5,
    status: "FINISHED",
    new_name: "taken",
    description: "changed",
    path: "x",
    filter: "",
    max_results: 10,
    max_timestamp_millis: 9_999_999_999_999,
    tags: [{ key: "k", value: "w" }],
    params: [{ key: "p", value: "w" }],
    metrics: [{ key: "k", value: 2, timestamp: 2, step: 1 }],
    models: [{ model_id: all["model_id"], step: 0 }],
    datasets: [{ dataset: { name: "d", digest: "1", source_type: "x", source: "y" } }],
    locations: [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: all["experiment_id"] } }],
  };
}

const ASSESSMENT = {
  assessment_name: "bad",
  source: { source_type: "HUMAN", source_id: "x" },
  feedback: { value: false },
};

/** What single calls need besides, so that they get as far as looking for what they name. */
const BESIDES: Record<string, object> = {
  "runs/log-metric": { value: 1 },
  "runs/log-model": {
    model_json: JSON.stringify({ run_id: "x", artifact_path: "m", utc_time_created: "x", flavors: {} }),
  },
  "datasets/:id/tags": { tags: JSON.stringify({ k: "w" }) },
  "datasets/:id/records": { records: JSON.stringify([{ inputs: { q: "x" } }]) },
  "traces/delete-traces": { max_timestamp_millis: undefined },
  "traces/link-prompts": { prompt_versions: [{ name: "red-model", version: "1" }] },
  "traces/metrics": {
    view_type: "TRACES",
    metric_name: "trace_count",
    aggregations: [{ aggregation_type: "COUNT" }],
  },
  "POST traces/:traceId/assessments": { assessment: ASSESSMENT },
  "PATCH traces/:traceId/assessments/:assessmentId": { assessment: ASSESSMENT, update_mask: "feedback" },
  "scorers/register": { serialized_scorer: "{}" },
  "scorers/list": { experiment_ids: undefined },
  "POST traces": { timestamp_ms: 1, request_metadata: [] },
  "PATCH traces/:traceId": { timestamp_ms: 1, status: "OK" },
  "traces/calculate-filter-correlation": {
    filter_string1: "status = 'OK'",
    filter_string2: "status = 'OK'",
  },
  "logged-models/search": { datasets: [] },
  "PATCH logged-models/:model_id": { status: "LOGGED_MODEL_READY" },
};

/** What red sees of its own. */
async function inventory(): Promise<unknown> {
  const see = async (method: string, path: string, body?: object, version = "2.0") => {
    const url = `/api/${version}/mlflow/${path}`;
    const answer = await platform.ask(method, url, { as: redAdmin, ...(body ? { body } : {}) });
    expect(answer.status, url).toBe(200);
    return answer.body;
  };
  return {
    experiments: await see("POST", "experiments/search", { max_results: 100, view_type: "ALL" }),
    runs: await see("POST", "runs/search", { experiment_ids: [reds["experiment_id"]], run_view_type: "ALL" }),
    history: await see("GET", `metrics/get-history?run_id=${reds["run_id"]}&metric_key=k`),
    model: await see("GET", `logged-models/${reds["model_id"]}`),
    models: await see("GET", "registered-models/search"),
    versions: await see("GET", "model-versions/search"),
    alias: await see("GET", "registered-models/alias?name=red-model&alias=best"),
    trace: await see("GET", `traces/${reds["trace_id"]}`, undefined, "3.0"),
    dataset: await see("GET", `datasets/${reds["dataset_id"]}`, undefined, "3.0"),
    webhook: await see("GET", `webhooks/${reds["webhook_id"]}`),
  };
}

/** The answer with the ids that were asked for, new ids and times taken out: the rest must not tell one from the other. */
function neutral(text: string, ids: Record<string, string>): string {
  let plain = text;
  for (const id of Object.values(ids).sort((a, b) => b.length - a.length))
    if (!/^\d+$/.test(id)) plain = plain.replaceAll(id, "ID");
  return plain.replaceAll(/[0-9a-f]{32}/g, "ID").replaceAll(/\bid=\d+|\b\d{13}\b/g, "N");
}

/** Calls that make something new in the caller's own tenant, whatever else they name. */
const MAKE = /workspaces$|registered-models\/create$|experiments\/create$|webhooks$|datasets\/create$/;

describe("a member of another tenant", () => {
  it("gets of every call the answer that it gets where nothing is, and changes nothing", async () => {
    const before = await inventory();
    const rows = platform.app.accessRows.filter(({ path }) => path.startsWith("/api/{2.0,3.0}/mlflow/"));
    expect(rows.length).toBeGreaterThan(60);
    for (const { method, path } of rows) {
      if (MAKE.test(path)) continue;
      const heard = [];
      for (const ids of [reds, NOWHERE]) {
        const rpc = path.slice(path.indexOf("/mlflow/") + "/mlflow/".length);
        const fields: Record<string, unknown> = {
          ...fieldsFor(ids),
          ...BESIDES[rpc],
          ...BESIDES[`${method} ${rpc}`],
        };
        const url = path
          .replace("{2.0,3.0}", path.includes("traces") || path.includes("datasets") ? "3.0" : "2.0")
          .replaceAll(/:(\w+)/g, (_, param: string) => encodeURIComponent(String(fields[param] ?? UNKNOWN)));
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(fields))
          if (typeof value === "string" || typeof value === "number") query.set(name, String(value));
          else if (Array.isArray(value) && typeof value[0] === "string") query.set(name, value[0]);
        const answer = await platform.app.inject({
          method: method as "GET",
          url: method === "GET" ? `${url}?${query.toString()}` : url,
          headers: { host: "127.0.0.1", authorization: `Bearer ${blueAdmin}` },
          ...(method === "GET" ? {} : { payload: fields }),
        });
        // Or 501, where nothing is offered; elsewhere this test must know what to name.
        if (url.includes(UNKNOWN)) expect(answer.statusCode, url).toBe(501);
        expect(answer.statusCode % 501, `${method} ${url}: ${answer.body}`).toBeLessThan(500);
        heard.push(`${answer.statusCode} ${neutral(answer.body, { ...NOWHERE, ...ids })}`);
      }
      expect(heard[0], `${method} ${path}`).toBe(heard[1]);
      for (const id of Object.values(reds).filter((one) => one.length > 4))
        expect(heard[0], `${method} ${path}`).not.toContain(id);
    }
    expect(await inventory()).toEqual(before);
  });

  it.each(["/experiments/search", "/runs/search", "/registered-models/search", "/logged-models/search"])(
    "finds nothing of red by %s",
    async (path) => {
      const isGet = path.startsWith("/registered");
      const body = { experiment_ids: [reds["experiment_id"]], max_results: 100 };
      const { status, body: found } = await platform.ask(isGet ? "GET" : "POST", `${MLFLOW}${path}`, {
        as: blueAdmin,
        ...(isGet ? {} : { body }),
      });
      expect(status).toBe(200);
      expect(JSON.stringify(found)).not.toMatch(/red-|red's|"net"/);
    },
  );

  it("can't name red, and doesn't learn whether it is there", async () => {
    const asked = (workspace: string, method = "POST", path = "/experiments/search") =>
      platform.ask(method, `${MLFLOW}${path}`, { as: blueAdmin, workspace, body: { max_results: 5 } });
    const [red, nowhere] = [await asked("crimson"), await asked("nowhere")];
    expect([red.status, red.body]).toEqual([
      404,
      {
        error_code: "RESOURCE_DOES_NOT_EXIST",
        message: expect.stringContaining("Workspace 'crimson' not found"),
      },
    ]);
    expect({ ...nowhere.body, message: nowhere.body.message.replace("nowhere", "crimson") }).toEqual(
      red.body,
    );
    expect((await asked("blue")).status).toBe(200);
    const artifacts = "/api/2.0/mlflow-artifacts/artifacts";
    for (const workspace of ["crimson", "nowhere"])
      expect((await platform.ask("GET", artifacts, { as: blueAdmin, workspace })).status).toBe(404);
  });

  it.each([
    ["GET", "/tenants/T"],
    ["PATCH", "/tenants/T", { description: "mine" }],
    ["GET", "/tenants/T/members"],
    ["PUT", "/tenants/T/members/ben", { role: "admin" }],
    ["DELETE", "/tenants/T/members/rita"],
    ["GET", "/tokens?tenant=T"],
    ["POST", "/tokens", { name: "x", tenant: "T", role: "viewer" }],
    ["GET", "/audit?tenant=T"],
    ["GET", "/api/3.0/mlflow/workspaces/T"],
    ["PATCH", "/api/3.0/mlflow/workspaces/T", { description: "mine" }],
  ])("is told by %s %s what it is told of a tenant that isn't there", async (method, url, body?: object) => {
    const heard = [];
    for (const tenant of ["crimson", "nowhere"]) {
      const text = JSON.stringify(body ?? {}).replace('"T"', `"${tenant}"`);
      const answer = await platform.ask(method, url.replace("T", tenant), {
        as: blueAdmin,
        ...(body ? { body: JSON.parse(text) as object } : {}),
      });
      expect(answer.status).toBe(404);
      heard.push(JSON.stringify(answer.body).replaceAll(tenant, "T"));
    }
    expect(heard[0]).toBe(heard[1]);
  });

  it.each([
    ["POST", "/tenants", { name: "mine" }],
    ["DELETE", "/tenants/blue"],
    ["GET", "/people"],
    ["POST", "/people", { name: "mallory" }],
    ["PATCH", "/people/ben", { platformAdmin: true }],
    ["DELETE", "/people/rita"],
    ["PUT", "/people/rita/password", { password: "a new password of mine" }],
    ["GET", "/audit"],
    ["GET", "/tokens?all=true"],
    ["GET", "/tokens?person=rita"],
    ["POST", "/tokens", { name: "x", person: "rita" }],
    ["POST", "/tokens", { name: "x", platformAdmin: true }],
    ["POST", "/api/3.0/mlflow/workspaces", { name: "mine" }],
    ["DELETE", "/api/3.0/mlflow/workspaces/blue"],
  ])("may not %s %s", async (method, url, body?: object) => {
    const answer = await platform.ask(method, url, { as: blueAdmin, ...(body ? { body } : {}) });
    expect(answer.status).toBe(403);
  });

  it("has no right in the default tenant, to which projects and services belong", async () => {
    const { status } = await platform.ask("POST", `${MLFLOW}/experiments/search`, {
      as: blueAdmin,
      workspace: "default",
      body: { max_results: 5 },
    });
    expect(status).toBe(403);
  });
});

describe("tenants apart", () => {
  it("may use the same names", async () => {
    const blues = await furnish(blueAdmin);
    expect(blues["experiment_id"]).not.toBe(reds["experiment_id"]);
    const { body } = await platform.ask("GET", `${MLFLOW}/registered-models/get?name=red-model`, {
      as: redAdmin,
    });
    expect(body.registered_model.latest_versions).toHaveLength(1);
  });

  it("are told by the header where a caller has several", async () => {
    const both = await platform.person("both", { crimson: "viewer", blue: "viewer" });
    const search = (workspace?: string) =>
      platform.ask("POST", `${MLFLOW}/experiments/search`, {
        as: both,
        body: { max_results: 5 },
        ...(workspace === undefined ? {} : { workspace }),
      });
    expect((await search()).status).toBe(403);
    expect((await search("crimson")).body.experiments[0].experiment_id).toBe(reds["experiment_id"]);
    expect((await search("blue")).body.experiments[0].experiment_id).not.toBe(reds["experiment_id"]);
  });
});

describe("roles", () => {
  it.each([
    ["viewer", 200, 403, 403],
    ["member", 200, 200, 403],
    ["admin", 200, 200, 200],
  ])("%s: reads, writes, manages", async (role, reads, writes, manages) => {
    const as = await platform.person(`role-${role}`, { crimson: role });
    const see = await platform.ask(
      "GET",
      `${MLFLOW}/experiments/get?experiment_id=${reds["experiment_id"]}`,
      { as },
    );
    const log = await platform.ask("POST", `${MLFLOW}/runs/set-tag`, {
      as,
      body: { run_id: reds["run_id"], key: "by", value: role },
    });
    const manage = await platform.ask("GET", "/tenants/crimson/members", { as });
    expect([see.status, log.status, manage.status]).toEqual([reads, writes, manages]);
    if (log.status === 403) expect(log.body.error_code).toBe("PERMISSION_DENIED");
  });
});
