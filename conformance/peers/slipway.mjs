// A platform of its own that serves a folder of ONNX models: registered by MLflow's API, promoted by a push to the
// environment repository.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startPlatform } from "../../bench/lib/platform.mjs";
import { makeProject } from "../../bench/lib/project.mjs";

const SERVED_WITHIN_MS = 60_000;

async function call({ url }, path, body) {
  const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** @param {string} folder with one folder per model: model.onnx, contract.json */
export async function startSlipway(folder) {
  const platform = await startPlatform();
  try {
    const { experiment_id: experiment } = await call(platform, "experiments/create", { name: "conformance" });
    const { run } = await call(platform, "runs/create", { experiment_id: experiment });
    const models = readdirSync(folder);
    for (const name of models) await register(platform, folder, name, run.info.run_id, experiment);
    await promote(platform, models);
    await served(platform, models);
    const { version } = await (await fetch(`${platform.url}/v2`)).json();
    return { ...platform, name: `Slipway ${version}` };
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

async function register(platform, folder, name, runId, experiment) {
  const artifacts = `${experiment}/${runId}/artifacts/${name}`;
  for (const file of readdirSync(join(folder, name))) {
    const url = `${platform.url}/api/2.0/mlflow-artifacts/artifacts/${artifacts}/${file}`;
    const put = await fetch(url, { method: "PUT", body: readFileSync(join(folder, name, file)) });
    if (!put.ok) throw new Error(`${file} of ${name}: ${put.status} ${await put.text()}`);
  }
  await call(platform, "registered-models/create", { name });
  const source = `mlflow-artifacts:/${artifacts}`;
  await call(platform, "model-versions/create", { name, source, run_id: runId });
}

async function promote(platform, models) {
  const files = models.map((name) => [
    `services/${name}.yaml`,
    `apiVersion: slipway/v1\nkind: Service\nname: ${name}\nchampion: { version: 1 }\nweight: 0\n`,
  ]);
  const environment = await makeProject("environment", Object.fromEntries(files), platform.gitUrl);
  try {
    await environment.push("Serve them");
  } finally {
    environment.remove();
  }
}

async function served({ url }, models) {
  const deadline = performance.now() + SERVED_WITHIN_MS;
  for (const name of models)
    while (!(await fetch(`${url}/v2/models/${name}/ready`)).ok) {
      if (performance.now() > deadline) throw new Error(`${name} isn't served`);
      await sleep(100);
    }
}
