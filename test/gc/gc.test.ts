import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCollector } from "../../src/gc/collector.ts";
import { markRuns } from "../../src/gc/mark-commands.ts";
import type { BlobStore } from "../../src/store/blobs.ts";
import { startGcPlatform, type GcPlatform } from "./platform.ts";

const DAY = 86_400_000;
let platform: GcPlatform;

beforeAll(async () => {
  platform = await startGcPlatform();
});
afterAll(() => platform.close());

async function newExperiment(name: string, tenant = "default"): Promise<string> {
  const answer = await platform.app.inject({
    method: "POST",
    url: "/api/2.0/mlflow/experiments/create",
    headers: { "x-mlflow-workspace": tenant },
    payload: { name },
  });
  return answer.json<{ experiment_id: string }>().experiment_id;
}

/** A tracking run with some of everything; its id. */
async function newRun(experimentId: string, tenant = "default"): Promise<string> {
  const answer = await platform.app.inject({
    method: "POST",
    url: "/api/2.0/mlflow/runs/create",
    headers: { "x-mlflow-workspace": tenant },
    payload: { experiment_id: experimentId },
  });
  const id = answer.json<{ run: { info: { run_id: string } } }>().run.info.run_id;
  const metrics = Array.from({ length: 20 }, (_, step) => ({
    key: "loss",
    value: 1 / (step + 1),
    timestamp: step,
    step,
  }));
  await platform.app.inject({
    method: "POST",
    url: "/api/2.0/mlflow/runs/log-batch",
    headers: { "x-mlflow-workspace": tenant },
    payload: { run_id: id, metrics, params: [{ key: "p", value: "1" }], tags: [{ key: "t", value: "1" }] },
  });
  return id;
}

const removeRun = (id: string) => platform.call("POST", "runs/delete", { run_id: id });
const file = (experiment: string, run: string, name: string) => `${experiment}/${run}/artifacts/${name}`;

describe("deleting for good", () => {
  it("leaves the files of a place that only clients open, and says of how many", async () => {
    const place = join(platform.folder, "clients-own");
    const fields = { name: "local", artifact_location: `file://${place}` };
    const { experiment_id } = await platform.call<{ experiment_id: string }>(
      "POST",
      "experiments/create",
      fields,
    );
    const run = await newRun(experiment_id);
    const files = join(place, run, "artifacts");
    await mkdir(files, { recursive: true });
    await writeFile(join(files, "a.txt"), "mine");
    await platform.call("POST", "experiments/delete", { experiment_id });
    const { deleted } = await platform.collect();
    expect(deleted).toMatchObject({ runs: 1, experiments: 1, elsewhere: 1, files: 0 });
    expect(await readFile(join(files, "a.txt"), "utf8")).toBe("mine");
  });

  it("says how much, and frees a deleted run's rows and files and nobody else's", async () => {
    const experiment = await newExperiment("one");
    const [gone, stays] = [await newRun(experiment), await newRun(experiment)];
    const datasets = [{ dataset: { name: "d", digest: "1", source_type: "local", source: "x" } }];
    const own = [{ dataset: { name: "e", digest: "2", source_type: "local", source: "x" } }];
    await platform.call("POST", "runs/log-inputs", { run_id: gone, datasets: [...datasets, ...own] });
    await platform.call("POST", "runs/log-inputs", { run_id: stays, datasets });
    await platform.upload(file(experiment, gone, "a.txt"), "12345");
    await platform.upload(file(experiment, gone, "deep/b.txt"), "123");
    await platform.upload(file(experiment, stays, "a.txt"), "kept");
    await removeRun(gone);
    const job = await platform.collect({ experiments: ["one"] });
    expect(job).toMatchObject({
      state: "done",
      found: { runs: 1, experiments: 0, files: 2, bytes: 8 },
      deleted: { runs: 1, files: 2, bytes: 8 },
      kept: { count: 0 },
      leftBehind: 0,
      error: null,
    });
    expect(job.deleted.rows).toBeGreaterThanOrEqual(20 + 1 + 1 + 1 + 1);
    expect(platform.told).toContain(gone);
    await platform.call("GET", "runs/get", { run_id: gone }, 404);
    expect(await platform.blobs.list(experiment)).toEqual([
      { path: `${experiment}/${stays}`, isDir: true, size: 0 },
    ]);
    const { run } = await platform.call<{ run: { inputs: { dataset_inputs: object[] } } }>(
      "GET",
      "runs/get",
      {
        run_id: stays,
      },
    );
    expect(run.inputs.dataset_inputs).toHaveLength(1);
    expect(await platform.count("datasets")).toBe(1);
    expect(await platform.count("doomed")).toBe(0);
    expect(await platform.count("metrics")).toBe(20);
  });

  it("changes nothing by counting, and takes no more than was counted", async () => {
    const experiment = await newExperiment("two");
    const [first, second, restored] = [
      await newRun(experiment),
      await newRun(experiment),
      await newRun(experiment),
    ];
    await removeRun(first);
    await removeRun(restored);
    const { body: plan } = await platform.gc("POST", "/gc/plan", { experiments: ["two"] });
    expect(plan.state).toBe("counting");
    await expect.poll(async () => (await platform.gc("GET", `/gc/${plan.id}`)).body.state).toBe("counted");
    expect((await platform.gc("GET", `/gc/${plan.id}`)).body.found.runs).toBe(2);
    await platform.call("GET", "runs/get", { run_id: first });
    platform.clock.at += 1000;
    await removeRun(second);
    await platform.call("POST", "runs/restore", { run_id: restored });
    await platform.gc("POST", "/gc", { plan: plan.id });
    await expect.poll(async () => (await platform.gc("GET", `/gc/${plan.id}`)).body.state).toBe("done");
    expect((await platform.gc("GET", `/gc/${plan.id}`)).body.deleted.runs).toBe(1);
    await platform.call("GET", "runs/get", { run_id: first }, 404);
    await platform.call("GET", "runs/get", { run_id: second });
    await platform.call("GET", "runs/get", { run_id: restored });
    expect((await platform.gc("POST", "/gc", { plan: plan.id })).body.error?.code).toBe("GC_NOT_COUNTED");
    expect((await platform.gc("POST", "/gc", { plan: "gc-none" })).body.error?.code).toBe("GC_NOT_FOUND");
  });

  it("minds age, and what was named", async () => {
    const experiment = await newExperiment("three");
    const [old, young] = [await newRun(experiment), await newRun(experiment)];
    await removeRun(old);
    platform.clock.at += 40 * DAY;
    await removeRun(young);
    expect(await platform.collect({ experiments: [experiment], olderThan: "30d" })).toMatchObject({
      deleted: { runs: 1 },
    });
    await platform.call("GET", "runs/get", { run_id: old }, 404);
    expect(await platform.collect({ runs: [young] })).toMatchObject({ deleted: { runs: 1 } });
    const active = await newRun(experiment);
    const refused = async (body: object) => (await platform.gc("POST", "/gc/plan", body)).body.error?.code;
    expect(await refused({ runs: [active] })).toBe("GC_NOT_DELETED");
    expect(await refused({ runs: ["0".repeat(32)] })).toBe("NOT_FOUND");
    expect(await refused({ experiments: ["nowhere"] })).toBe("NOT_FOUND");
    expect(await refused({ olderThan: "soon" })).toBe("INVALID_REQUEST");
  });

  it("keeps what a version of the registry needs", async () => {
    const experiment = await newExperiment("four");
    const run = await newRun(experiment);
    const { model } = await platform.call<{ model: { info: { model_id: string } } }>(
      "POST",
      "logged-models",
      {
        experiment_id: experiment,
        source_run_id: await newRun(experiment),
      },
    );
    const modelId = model.info.model_id;
    const spare = await platform.call<{ model: { info: { model_id: string } } }>("POST", "logged-models", {
      experiment_id: experiment,
    });
    await platform.upload(file(experiment, run, "model/MLmodel"), "x");
    await platform.upload(`${experiment}/models/${modelId}/artifacts/MLmodel`, "x");
    await platform.upload(`${experiment}/models/${spare.model.info.model_id}/artifacts/MLmodel`, "x");
    await platform.call("POST", "registered-models/create", { name: "m" });
    await platform.call("POST", "model-versions/create", {
      name: "m",
      source: `runs:/${run}/model`,
      run_id: run,
    });
    await platform.call("POST", "model-versions/create", {
      name: "m",
      source: `models:/${modelId}`,
      model_id: modelId,
    });
    await platform.call("POST", "experiments/delete", { experiment_id: experiment });
    const job = await platform.collect({ experiments: ["four"] });
    expect(job.deleted).toMatchObject({ runs: 0, loggedModels: 1, experiments: 0, files: 1 });
    expect(job.kept.examples).toEqual(
      expect.arrayContaining([
        { kind: "run", id: run, why: "version m/1 of the registry came from it" },
        { kind: "model", id: modelId, why: "version m/2 of the registry is this model" },
        { kind: "experiment", id: experiment, why: "something in it is kept" },
      ]),
    );
    expect(await platform.blobs.stat(file(experiment, run, "model/MLmodel"))).toBeDefined();
    await platform.call("DELETE", "registered-models/delete", { name: "m" });
    expect((await platform.collect({ experiments: ["four"] })).deleted).toMatchObject({
      runs: 2,
      loggedModels: 1,
      experiments: 1,
    });
    expect(await platform.blobs.list(experiment)).toEqual([]);
  });

  it("takes a deleted experiment with its traces and all of its folder", async () => {
    const experiment = await newExperiment("five");
    await newRun(experiment);
    const info = {
      trace_id: "tr-1",
      trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } },
      request_time: "2026-01-01T00:00:00Z",
      state: "OK",
    };
    await platform.call("POST", "/api/3.0/mlflow/traces", { trace: { trace_info: info } });
    await platform.upload(`${experiment}/traces/tr-1/artifacts/traces.json`, "{}");
    await platform.upload(`${experiment}/stray.txt`, "1234");
    await platform.call("POST", "experiments/delete", { experiment_id: experiment });
    const job = await platform.collect({ experiments: [experiment] });
    const whole = { experiments: 1, runs: 1, traces: 1, files: 2, bytes: 6 };
    expect(job).toMatchObject({ found: whole, deleted: whole });
    expect(await platform.blobs.stat(experiment)).toBeUndefined();
    expect(await platform.count("trace_tags")).toBe(0);
    // The name is free again.
    await newExperiment("five");
  });

  it("never takes the experiment that clients use who name none", async () => {
    await platform.call("POST", "experiments/delete", { experiment_id: "0" });
    expect((await platform.collect({ experiments: ["0"] })).kept.examples).toMatchObject([
      { kind: "experiment", id: "0" },
    ]);
    await platform.call("POST", "experiments/restore", { experiment_id: "0" });
  });

  it("sees nothing of another tenant", async () => {
    const experiment = await newExperiment("red", "red");
    const run = await newRun(experiment, "red");
    const headers = { "x-mlflow-workspace": "red" };
    await platform.app.inject({
      method: "POST",
      url: "/api/2.0/mlflow/runs/delete",
      headers,
      payload: { run_id: run },
    });
    expect((await platform.gc("POST", "/gc/plan", { runs: [run] })).status).toBe(404);
    expect((await platform.gc("POST", "/gc/plan", { experiments: [experiment] })).status).toBe(404);
    const { body } = await platform.gc("POST", "/gc/plan", {}, { tenant: "red" });
    await expect
      .poll(async () => (await platform.gc("GET", `/gc/${body.id}`, undefined, { tenant: "red" })).body.state)
      .toBe("counted");
    expect((await platform.gc("GET", `/gc/${body.id}`)).status).toBe(404);
    const mere = { isPlatformAdmin: false };
    expect((await platform.gc("POST", "/gc/plan", { allTenants: true }, mere)).status).toBe(403);
    expect((await platform.collect({ allTenants: true })).deleted.runs).toBeGreaterThanOrEqual(1);
    const gone = await platform.db.read((tx) => tx.get("SELECT 1 AS one FROM runs WHERE run_id = ?", [run]));
    expect(gone).toBeUndefined();
  });

  it("finishes what was cut off between the mark and the files", async () => {
    const experiment = await newExperiment("six");
    const run = await newRun(experiment);
    await platform.upload(file(experiment, run, "a.txt"), "12345");
    await removeRun(run);
    const row = await platform.db.read((tx) =>
      tx.get<{ rid: number }>("SELECT rid FROM runs WHERE run_id = ?", [run]),
    );
    await platform.db.write(markRuns, {
      workspace: "default",
      artifactRoot: "mlflow-artifacts:/",
      wanted: { workspace: "default", cutoff: platform.clock.at, experimentIds: null, runIds: null },
      ids: [row?.rid ?? 0],
      now: platform.clock.at,
    });
    // Killed here: the run is gone for everybody, its files and rows are not.
    await platform.call("GET", "runs/get", { run_id: run }, 404);
    expect(await platform.blobs.stat(file(experiment, run, "a.txt"))).toBeDefined();
    const next = createCollector(platform.deps);
    next.resume();
    await expect.poll(() => platform.count("doomed")).toBe(0);
    await next.close();
    expect(await platform.blobs.stat(`${experiment}/${run}`)).toBeUndefined();
  });

  it("stops when the store doesn't answer, and finishes the next time", async () => {
    const experiment = await newExperiment("seven");
    const runs = await Promise.all(Array.from({ length: 8 }, () => newRun(experiment)));
    for (const run of runs) {
      await platform.upload(file(experiment, run, "a.txt"), "1");
      await removeRun(run);
    }
    const { blobs, deps } = platform;
    const broken: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
      delete: () => Promise.reject(new Error("no answer")),
      walk: (path: string) => blobs.walk(path),
    });
    const failing = createCollector({ ...deps, blobs: broken });
    const request = { tenant: "default", olderThan: 0, experiments: ["seven"], runs: null };
    const { id } = await failing.plan(request);
    await expect.poll(() => failing.job(id).state).toBe("counted");
    failing.collect(id);
    await expect.poll(() => failing.job(id).state).toBe("failed");
    await failing.close();
    expect(await platform.count("doomed")).toBe(8);
    const job = await platform.collect({ experiments: ["seven"] });
    expect(job).toMatchObject({ found: { runs: 0 }, deleted: { runs: 0, files: 8 } });
    expect(await platform.count("doomed")).toBe(0);
  });
});
