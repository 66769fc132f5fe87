import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
/** What the tenant `red` has. The default tenant must find none of it. */
const red = { experiment: "", run: "", model: "" };

type Method = "GET" | "POST" | "PATCH" | "DELETE";

beforeAll(async () => {
  const prepare = (app: TestPlatform["app"]): void => {
    app.addHook("preHandler", async (request) => {
      const tenant = request.headers["x-test-tenant"];
      if (typeof tenant === "string") request.identity = { ...request.identity, tenant };
    });
  };
  platform = await startPlatform({ prepare });
});
afterAll(() => platform.close());

async function call<Body = Record<string, unknown>>(
  tenant: string,
  method: Method,
  path: string,
  fields: object = {},
): Promise<{ status: number; body: Body }> {
  const answer = await platform.app.inject({
    method,
    url: `/api/2.0/mlflow/${path}`,
    headers: { "x-test-tenant": tenant },
    ...(method === "GET" ? { query: fields as Record<string, string> } : { payload: fields }),
  });
  return { status: answer.statusCode, body: answer.json() as Body };
}

describe("a tenant's things", () => {
  it("have names of their own, and artifacts in a folder of their own", async () => {
    const made = await call<{ experiment_id: string }>("red", "POST", "experiments/create", { name: "a" });
    red.experiment = made.body.experiment_id;
    expect((await call("default", "POST", "experiments/create", { name: "a" })).status).toBe(200);
    const got = await call("red", "GET", "experiments/get-by-name", { experiment_name: "a" });
    expect(got.body).toMatchObject({
      experiment: {
        workspace: "red",
        artifact_location: `mlflow-artifacts:/workspaces/red/${red.experiment}`,
      },
    });
    for (const tenant of ["red", "default"]) {
      const answer = await call(tenant, "POST", "registered-models/create", { name: "m" });
      expect(answer.status).toBe(200);
    }
    const run = await call<{ run: { info: { run_id: string } } }>("red", "POST", "runs/create", {
      experiment_id: red.experiment,
    });
    red.run = run.body.run.info.run_id;
    const model = await call<{ model: { info: { model_id: string } } }>("red", "POST", "logged-models", {
      experiment_id: red.experiment,
      source_run_id: red.run,
    });
    red.model = model.body.model.info.model_id;
    const version = { name: "m", source: `models:/${red.model}`, model_id: red.model };
    expect((await call("red", "POST", "model-versions/create", version)).body).toMatchObject({
      model_version: { version: "1", run_id: red.run },
    });
    expect((await call("default", "GET", "registered-models/get", { name: "m" })).body).not.toHaveProperty(
      "registered_model.latest_versions.0",
    );
  });

  it("answer another tenant as things that aren't there", async () => {
    const { experiment, run, model } = red;
    const point = { key: "x", value: 1, timestamp: 1 };
    const version = { name: "m", version: "1" };
    const calls: [Method, string, object][] = [
      ["GET", "experiments/get", { experiment_id: experiment }],
      ["POST", "experiments/update", { experiment_id: experiment, new_name: "z" }],
      ["POST", "experiments/delete", { experiment_id: experiment }],
      ["POST", "experiments/restore", { experiment_id: experiment }],
      ["POST", "experiments/set-experiment-tag", { experiment_id: experiment, key: "k", value: "v" }],
      ["POST", "experiments/delete-experiment-tag", { experiment_id: experiment, key: "k" }],
      ["POST", "runs/create", { experiment_id: experiment }],
      ["GET", "runs/get", { run_id: run }],
      ["POST", "runs/update", { run_id: run, status: "FAILED" }],
      ["POST", "runs/delete", { run_id: run }],
      ["POST", "runs/restore", { run_id: run }],
      ["POST", "runs/log-metric", { run_id: run, ...point }],
      ["POST", "runs/log-parameter", { run_id: run, key: "k", value: "v" }],
      ["POST", "runs/set-tag", { run_id: run, key: "k", value: "v" }],
      ["POST", "runs/delete-tag", { run_id: run, key: "mlflow.runName" }],
      ["POST", "runs/log-batch", { run_id: run, metrics: [point] }],
      ["POST", "runs/log-inputs", { run_id: run, models: [{ model_id: model }] }],
      ["POST", "runs/outputs", { run_id: run, models: [{ model_id: model }] }],
      ["GET", "metrics/get-history", { run_id: run, metric_key: "x" }],
      ["GET", "artifacts/list", { run_id: run }],
      ["POST", "logged-models", { experiment_id: experiment }],
      ["GET", `logged-models/${model}`, {}],
      ["PATCH", `logged-models/${model}`, { model_id: model, status: "LOGGED_MODEL_READY" }],
      ["DELETE", `logged-models/${model}`, {}],
      ["PATCH", `logged-models/${model}/tags`, { tags: [{ key: "k", value: "v" }] }],
      ["DELETE", `logged-models/${model}/tags/k`, {}],
      ["POST", `logged-models/${model}/params`, { model_id: model, params: [{ key: "k", value: "v" }] }],
      ["GET", `logged-models/${model}/artifacts/directories`, {}],
      ["GET", "model-versions/get", version],
      ["PATCH", "model-versions/update", { ...version, description: "d" }],
      ["POST", "model-versions/transition-stage", { ...version, stage: "Production" }],
      ["POST", "model-versions/set-tag", { ...version, key: "k", value: "v" }],
      ["DELETE", "model-versions/delete-tag", { ...version, key: "k" }],
      ["DELETE", "model-versions/delete", version],
      ["GET", "model-versions/get-download-uri", version],
      ["POST", "registered-models/alias", { name: "m", alias: "best", version: "1" }],
    ];
    const strange = { experiment: "987654321", run: "f".repeat(32), model: `m-${"f".repeat(32)}` };
    for (const [method, path, fields] of calls) {
      const found = await call("default", method, path, fields);
      expect([path, found.status]).toEqual([path, 404]);
      // What nobody has is answered in the very same words.
      const swap = (text: string): string =>
        text
          .replaceAll(run, strange.run)
          .replaceAll(model, strange.model)
          .replaceAll(`"experiment_id":"${experiment}"`, `"experiment_id":"${strange.experiment}"`);
      const absent = await call("default", method, swap(path), JSON.parse(swap(JSON.stringify(fields))));
      const message = String((found.body as { message: string }).message);
      const expected = swap(message).replace(`id=${experiment} `, `id=${strange.experiment} `);
      expect([absent.status, (absent.body as { message: string }).message]).toEqual([404, expected]);
    }
    expect((await call("red", "GET", "runs/get", { run_id: run })).body).toMatchObject({
      run: {
        info: { status: "RUNNING", lifecycle_stage: "active" },
        data: { tags: [{ value: expect.anything() }] },
      },
    });
  });

  it("are in no other tenant's searches", async () => {
    const { experiment, run } = red;
    const searches: [Method, string, object, string][] = [
      ["POST", "experiments/search", { max_results: 100 }, "experiments"],
      ["POST", "runs/search", { experiment_ids: [experiment] }, "runs"],
      ["POST", "logged-models/search", { experiment_ids: [experiment] }, "models"],
      ["GET", "model-versions/search", {}, "model_versions"],
    ];
    for (const [method, path, fields, list] of searches) {
      const { body } = await call("default", method, path, fields);
      expect([path, JSON.stringify(body[list] ?? [])]).not.toContain(run);
      expect([path, JSON.stringify(body)]).not.toContain("red");
      const own = await call("red", method, path, fields);
      expect([path, (own.body[list] as object[]).length]).toEqual([path, 1]);
    }
  });

  it("can't be reached by a metric, a source or an artifact location", async () => {
    const own = await call<{ run: { info: { run_id: string } } }>("default", "POST", "runs/create", {});
    const { run_id } = own.body.run.info;
    const metric = { run_id, key: "x", value: 1, timestamp: 1, model_id: red.model };
    expect((await call("default", "POST", "runs/log-metric", metric)).status).toBe(400);
    expect((await call("red", "GET", `logged-models/${red.model}`)).body).not.toHaveProperty(
      "model.data.metrics.0",
    );
    const create = (fields: object) =>
      call("default", "POST", "model-versions/create", { name: "m", ...fields });
    const files = `mlflow-artifacts:/workspaces/red/${red.experiment}/${red.run}/artifacts`;
    expect((await create({ source: files, run_id: red.run })).status).toBe(400);
    expect((await create({ source: `models:/${red.model}`, model_id: red.model })).status).toBe(404);
    expect((await create({ source: "models:/m/1" })).status).toBe(404);
    for (const artifact_location of [files, "mlflow-artifacts:/workspaces"]) {
      const answer = await call("default", "POST", "experiments/create", { name: "spy", artifact_location });
      expect(answer.status).toBe(400);
    }
    const chosen = { name: "own", artifact_location: "s3://bucket/x" };
    expect((await call("red", "POST", "experiments/create", chosen)).status).toBe(400);
  });
});
