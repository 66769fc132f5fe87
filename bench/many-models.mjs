// `npm run bench:many-models`: many small models in one platform, registered by MLflow's API and promoted by one push to
// the environment repository. The memory of all processes together, and how long a model takes from nothing to its first
// answer.
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { processName, processTree, pssMegabytes, startPlatform } from "./lib/platform.mjs";
import { makeProject } from "./lib/project.mjs";
import { machine, quantile, table } from "./lib/report.mjs";
import { serveAdmin } from "./lib/serve-admin.mjs";
import { tinyContract, tinyModel, tinyRequest } from "./lib/tiny-model.mjs";

const MODELS = Number(process.env.MODELS ?? 200);
const COLD = Number(process.env.COLD ?? 40);
const SETTLE_MS = Number(process.env.SETTLE_MS ?? 5_000);
const SERVED_WITHIN_MS = 10 * 60_000;
const name = (index) => `small-${String(index).padStart(3, "0")}`;

async function call(platform, path, body) {
  const answer = await fetch(`${platform.url}/api/2.0/mlflow/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** One commit that makes the first version of every model its champion. */
async function promoteAll(platform) {
  const files = Array.from({ length: MODELS }, (_, index) => [
    `services/${name(index)}.yaml`,
    `apiVersion: slipway/v1\nkind: Service\nname: ${name(index)}\nchampion: { version: 1 }\nweight: 0\n`,
  ]);
  const environment = await makeProject("environment", Object.fromEntries(files), platform.gitUrl);
  await environment.push("All of them");
  environment.remove();
}

/** Logs and registers every model; resolves when all are served. */
async function serveAll(platform) {
  const { experiment_id: experiment } = await call(platform, "experiments/create", { name: "small models" });
  const { run } = await call(platform, "runs/create", { experiment_id: experiment });
  const root = `${experiment}/${run.info.run_id}/artifacts`;
  for (let index = 0; index < MODELS; index++) {
    const folder = `${root}/${name(index)}`;
    const files = {
      "model.onnx": tinyModel(index),
      "contract.json": JSON.stringify(tinyContract(index)),
    };
    for (const [file, body] of Object.entries(files)) {
      const url = `${platform.url}/api/2.0/mlflow-artifacts/artifacts/${folder}/${file}`;
      const put = await fetch(url, { method: "PUT", body });
      if (!put.ok) throw new Error(`${file}: ${put.status} ${await put.text()}`);
    }
    await call(platform, "registered-models/create", { name: name(index) });
    const source = `mlflow-artifacts:/${folder}`;
    await call(platform, "model-versions/create", { name: name(index), source, run_id: run.info.run_id });
  }
  await promoteAll(platform);
  const deadline = performance.now() + SERVED_WITHIN_MS;
  for (let index = 0; index < MODELS;) {
    const ready = await fetch(`${platform.url}/v2/models/${name(index)}/ready`);
    if (ready.ok) index += 1;
    else if (performance.now() > deadline) throw new Error(`${name(index)} isn't served`);
    else await sleep(200);
  }
}

/** Milliseconds until the whole answer is there. */
async function infer(platform, model) {
  const started = performance.now();
  const url = `${platform.url}/v2/models/${model}/infer`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(tinyRequest) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${model}: ${answer.status}`);
  return performance.now() - started;
}

/** The process that waits for the next model is there, and has had time to load what all have in common. */
async function spareReady(platform) {
  const isSpare = (pid) => {
    try {
      return processName(pid).includes("spare");
    } catch {
      // It ended while we looked.
      return false;
    }
  };
  const isThere = () => processTree(platform.pid).some(isSpare);
  while (!isThere()) await sleep(50);
  await sleep(1_000);
}

/** First answers of services that were scaled to zero: how long their requests were held. */
async function coldLoads(platform, admin, kind, more) {
  const models = readdirSync(`${platform.dataDir}/models`);
  const found = [];
  for (let index = 0; index < COLD; index++) {
    const service = `cold-${kind}-${index}`;
    const scale = { max: 1, concurrency: 4, idleMs: 1 };
    const modelDir = `${platform.dataDir}/models/${models[index % models.length]}`;
    await admin("prepare", { service, version: 1, format: "onnx", modelDir, workers: 0, scale, ...more });
    const rule = { service, commit: "bench", order: 1, champion: 1, share: 0, protocols: ["v2"] };
    await admin("route", { ...rule, timeoutMs: 30_000, maxBodyBytes: 100_000 });
    for (;;) {
      const state = (await admin("state")).variants.find((own) => own.service === service);
      if (state.workers.length === 0) break;
      await sleep(20);
    }
    await spareReady(platform);
    found.push(await infer(platform, service));
    await admin("unroute", { service, order: 2 });
    await admin("remove", { service, version: 1 });
  }
  return found;
}

function memory(platform) {
  return processTree(platform.pid).map((pid) => ({ name: processName(pid), mb: pssMegabytes(pid) }));
}

const sum = (rows) => rows.reduce((total, { mb }) => total + mb, 0);

console.log(machine());
const platform = await startPlatform();
try {
  await sleep(SETTLE_MS);
  const empty = sum(memory(platform));
  const started = performance.now();
  await serveAll(platform);
  const servedMs = performance.now() - started;
  const warm = [];
  for (let index = 0; index < MODELS; index++) warm.push(await infer(platform, name(index)));
  await sleep(SETTLE_MS);
  const processes = memory(platform);
  const workers = processes.filter((process) => process.name.startsWith("worker"));
  const admin = serveAdmin(platform.dataDir);
  const shared = await coldLoads(platform, admin, "shared", {});
  // A limit of its own gives a model a process of its own: the one that waits.
  const own = await coldLoads(platform, admin, "own", { memoryBytes: 2 ** 30 });
  const ms = (value) => `${value.toFixed(0)} ms`;
  const mb = (value) => `${value.toFixed(0)} MB`;
  const cold = (found) =>
    `${ms(quantile(found, 0.5))}, ${ms(quantile(found, 0.95))}, ${ms(quantile(found, 1))}`;
  console.log(
    table([
      ["figure", "value", "target"],
      [`${MODELS} models registered, promoted and served`, `${(servedMs / 1_000).toFixed(0)} s`, ""],
      ["PSS of all processes before", mb(empty), ""],
      ["PSS of all processes with the models", mb(sum(processes)), "1000 MB"],
      [`of it ${workers.length} worker processes, the waiting one included`, mb(sum(workers)), ""],
      ["first answer of each, loaded: p50, p95, worst", cold(warm), ""],
      [`from zero, in a shared process, ${COLD} times: p50, p95, worst`, cold(shared), "100 ms"],
      [`from zero, in a process of its own, ${COLD} times: p50, p95, worst`, cold(own), "100 ms"],
    ]),
  );
  console.log(processes.map((process) => `${process.name} ${mb(process.mb)}`).join(", "));
} finally {
  await platform.stop();
}
