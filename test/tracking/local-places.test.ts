import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
/** A folder of the machine that the platform runs on, named as an experiment's location. */
let place: string;
let run: string;
let model: string;
let trace: string;

beforeAll(async () => {
  platform = await startPlatform();
  place = join(platform.folder, "of-the-client");
  const { experiment_id } = await platform.call<{ experiment_id: string }>("POST", "experiments/create", {
    name: "local",
    artifact_location: `file://${place}`,
  });
  const made = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
    experiment_id,
  });
  run = made.run.info.run_id;
  const logged = await platform.call<{ model: { info: { model_id: string } } }>("POST", "logged-models", {
    experiment_id,
    source_run_id: run,
  });
  model = logged.model.info.model_id;
  trace = "tr-local";
  await platform.call("POST", "/api/3.0/mlflow/traces", {
    trace: {
      trace_info: {
        trace_id: trace,
        trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id } },
        request_time: "2026-01-01T00:00:00Z",
        state: "OK",
      },
    },
  });
  const folders = [`${run}/artifacts`, `models/${model}/artifacts`, `traces/${trace}/artifacts`];
  for (const folder of folders) {
    await mkdir(join(place, folder), { recursive: true });
    await writeFile(join(place, folder, "secret"), "s3cret");
    await writeFile(join(place, folder, "traces.json"), '{"spans": ["s3cret"]}');
  }
  await platform.call("POST", "registered-models/create", { name: "local" });
  await platform.call("POST", "model-versions/create", {
    name: "local",
    source: `file://${place}/${run}/artifacts`,
    run_id: run,
  });
});
afterAll(() => platform?.close());

const everything = async (): Promise<string[]> => (await readdir(place, { recursive: true })).toSorted();

describe("a place in the file system of clients", () => {
  it("is where their run, logged model and trace say their files are", async () => {
    const got = await platform.call("GET", "runs/get", { run_id: run });
    expect(got).toMatchObject({ run: { info: { artifact_uri: `file://${place}/${run}/artifacts` } } });
    expect(await platform.call("GET", `logged-models/${model}`)).toMatchObject({
      model: { info: { artifact_uri: `file://${place}/models/${model}/artifacts` } },
    });
    const uri = await platform.call("GET", "model-versions/get-download-uri", {
      name: "local",
      version: "1",
    });
    expect(uri).toEqual({ artifact_uri: `file://${place}/${run}/artifacts` });
  });

  it("lies below the platform's working folder when it is relative", async () => {
    const fields = { name: "relative", artifact_location: "runs/here" };
    const { experiment_id } = await platform.call<{ experiment_id: string }>(
      "POST",
      "experiments/create",
      fields,
    );
    expect(await platform.call("GET", "experiments/get", { experiment_id })).toMatchObject({
      experiment: { artifact_location: "/work-here/runs/here" },
    });
  });

  it.each([
    ["GET", (): string => `/api/2.0/mlflow/artifacts/list?run_id=${run}`],
    ["GET", (): string => `/get-artifact?run_id=${run}&path=secret`],
    ["GET", (): string => "/model-versions/get-artifact?name=local&version=1&path=secret"],
    ["GET", (): string => `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${trace}`],
    [
      "GET",
      (): string => `/ajax-api/2.0/mlflow/logged-models/${model}/artifacts/files?artifact_file_path=secret`,
    ],
    ["GET", (): string => `/api/2.0/mlflow/logged-models/${model}/artifacts/directories`],
    ["POST", (): string => `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=written`],
    ["POST", (): string => `/api/2.0/mlflow/artifacts/presigned-upload-url`],
    ["POST", (): string => `/api/2.0/mlflow/artifacts/presigned-download-url`],
    ["GET", (): string => `/api/2.0/mlflow-artifacts/artifacts/${run}/artifacts/secret`],
    [
      "GET",
      (): string => `/api/2.0/mlflow-artifacts/artifacts/${encodeURIComponent(`file://${place}`)}/secret`,
    ],
    ["GET", (): string => `/api/2.0/mlflow-artifacts/artifacts/${encodeURIComponent(place)}%2Fsecret`],
    ["DELETE", (): string => `/api/2.0/mlflow-artifacts/artifacts/${encodeURIComponent(`${place}/${run}`)}`],
  ] as const)("is never opened: %s %#", async (method, url) => {
    const before = await everything();
    const answer = await platform.app.inject({
      method,
      url: url(),
      ...(method === "POST" ? { payload: { run_id: run, path: "secret" } } : {}),
    });
    expect(answer.statusCode, answer.body).toBeGreaterThanOrEqual(400);
    expect(answer.statusCode, answer.body).toBeLessThan(500);
    expect(answer.body).not.toContain("s3cret");
    expect(await everything()).toEqual(before);
  });

  it("keeps what deleted things have there", async () => {
    const before = await everything();
    const { experiment_id } = (
      await platform.call<{ experiment: { experiment_id: string } }>("GET", "experiments/get-by-name", {
        experiment_name: "local",
      })
    ).experiment;
    const traces = { experiment_id, request_ids: [trace] };
    expect(await platform.call("POST", "traces/delete-traces", traces)).toEqual({ traces_deleted: 1 });
    await platform.call("DELETE", "model-versions/delete", { name: "local", version: "1" });
    await platform.call("DELETE", `logged-models/${model}`);
    await platform.call("POST", "runs/delete", { run_id: run });
    expect(await everything()).toEqual(before);
  });

  it("isn't what the platform itself makes a version of", async () => {
    const version = { model: "local", source: `file://${place}`, runId: run, tags: {} };
    await expect(platform.registry.createVersion(version)).rejects.toMatchObject({
      code: "MLFLOW_INVALID_PARAMETER_VALUE",
    });
  });

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
