import { cpSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { api, git, newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";

const data = newFolder("sklearn");
const work = newFolder("sklearn-work");
let platform: TestPlatform | undefined;
afterAll(async () => {
  await platform?.stop();
  removeFolder(data);
  removeFolder(work);
});

test("a scikit-learn project that logs with the unchanged mlflow client is served as ONNX", async () => {
  // `uv` of the tests' own environment builds the step environment from what is already in its cache.
  platform = await startPlatform(data, 0, {
    PATH: [resolve(".venv/bin"), process.env["PATH"]].join(delimiter),
  });
  cpSync(resolve("examples/sklearn-digits"), work, { recursive: true });
  for (const args of [
    ["init", "-b", "main"],
    ["add", "-A"],
    ["commit", "-m", "first"],
  ]) {
    expect((await git(work, ...args)).code).toBe(0);
  }
  const pushed = await git(work, "push", `${platform.gitUrl}/sklearn-digits.git`, "main");
  expect(pushed.code, pushed.output).toBe(0);
  expect(pushed.output).toMatch(/accuracy 0\.9/);

  const service = await api<{ champion: { version: number } | null }>(platform, "/services/sklearn-digits");
  expect(service.champion?.version, pushed.output).toBe(1);
  const rows = [Array.from({ length: 64 }, (_, i) => i % 17), Array.from({ length: 64 }, () => 0)];
  const answer = await fetch(`${platform.url}/v1/models/sklearn-digits:predict`, {
    method: "POST",
    body: JSON.stringify({ instances: rows }),
  });
  expect(answer.status).toBe(200);
  const { predictions } = (await answer.json()) as {
    predictions: { label: number; probabilities: number[] }[];
  };
  expect(predictions).toHaveLength(2);
  for (const { label, probabilities } of predictions) {
    expect(probabilities).toHaveLength(10);
    expect(label).toBe(probabilities.indexOf(Math.max(...probabilities)));
  }

  // The version leads back to its commit and its tracking run, by MLflow's own API.
  const version = await fetch(
    `${platform.url}/api/2.0/mlflow/registered-models/alias?name=sklearn-digits&alias=champion`,
  );
  const { model_version: found } = (await version.json()) as {
    model_version: { run_id: string; tags: { key: string; value: string }[] };
  };
  const { output: head } = await git(work, "rev-parse", "HEAD");
  expect(found.tags).toContainEqual({ key: "slipway.commit", value: head.trim() });
  const run = await fetch(`${platform.url}/api/2.0/mlflow/runs/get?run_id=${found.run_id}`);
  const logged = (await run.json()) as { run: { data: { params: { key: string; value: string }[] } } };
  expect(logged.run.data.params).toContainEqual({ key: "C", value: "0.1" });
}, 300_000);
