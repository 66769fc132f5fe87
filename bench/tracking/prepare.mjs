// What the lines need on a server before they are measured: experiments, runs, models.
import { call, post } from "./calls.mjs";
import { namesFound, SEARCH } from "./sample-runs.mjs";

const MODELS = 100;
const VERSIONS = 20;
export const HISTORY_POINTS = 10_000;
export const STREAMS = 8;

const entries = (count, make) => Array.from({ length: count }, (_, index) => make(index));

/**
 * Fills a server; answers the ids that the lines use. The runs that are searched are written by SQL while the server is
 * stopped, in each server's own schema, and `subject.server` is another one afterwards.
 */
export async function prepare(subject, sizes) {
  const { kind, folder } = subject;
  let { server } = subject;
  const ids = { experiments: {} };
  for (const size of sizes) ids.experiments[size] = await experiment(server, `search-${size}`);
  ids.writes = await experiment(server, "writes");
  if (sizes.length > 0) {
    await server.stop();
    kind.fill(folder, Object.fromEntries(sizes.map((size) => [ids.experiments[size], size])));
    server = await kind.start(folder);
    subject.server = server;
    for (const size of sizes) await checkFound(server, ids.experiments[size], size);
  }
  ids.runs = [];
  for (let index = 0; index < STREAMS; index++) ids.runs.push(await run(server, ids.writes));
  ids.wideRun = await wideRun(server, ids.writes);
  ids.historyRun = await historyRun(server, ids.writes);
  ids.version = await versionOf(server, ids.runs[0]);
  if (kind.registry) await models(server, ids.version);
  return ids;
}

/** What was written by SQL must be found as if it had been logged, or the searches measure something else. */
async function checkFound(server, experimentId, size) {
  const { runs } = await post(server, "runs/search", { experiment_ids: [experimentId], ...SEARCH });
  const [found, expected] = [runs.map(({ info }) => info.run_name), namesFound(size)];
  if (found.join() !== expected.join())
    throw new Error(
      `a search over ${size} runs finds ${found.length}, from ${found[0]}, not ${expected.length}, from ${expected[0]}`,
    );
}

async function experiment(server, name) {
  return (await post(server, "experiments/create", { name })).experiment_id;
}

async function run(server, experimentId) {
  return (await post(server, "runs/create", { experiment_id: experimentId, start_time: Date.now() })).run.info
    .run_id;
}

/** 50 metrics, 50 params, 20 tags. */
async function wideRun(server, experimentId) {
  const id = await run(server, experimentId);
  await post(server, "runs/log-batch", {
    run_id: id,
    metrics: entries(50, (i) => ({
      key: `metric_${i}`,
      value: i / 7,
      timestamp: 1_770_000_000_000,
      step: 3,
    })),
    params: entries(50, (i) => ({ key: `param_${i}`, value: `value of param ${i}` })),
    tags: entries(20, (i) => ({ key: `tag_${i}`, value: `value of tag ${i}` })),
  });
  return id;
}

async function historyRun(server, experimentId) {
  const id = await run(server, experimentId);
  for (let from = 0; from < HISTORY_POINTS; from += 1000) {
    const metrics = entries(1000, (i) => ({
      key: "loss",
      value: 1 / (1 + from + i),
      timestamp: 1_770_000_000_000 + from + i,
      step: from + i,
    }));
    await post(server, "runs/log-batch", { run_id: id, metrics });
  }
  return id;
}

/** What a version is made from: a run's files, as `register_model` names them; without a run the source is refused. */
async function versionOf(server, runId) {
  const { run: found } = await call(server, "GET", `/api/2.0/mlflow/runs/get?run_id=${runId}`);
  return { source: `${found.info.artifact_uri}/model`, run_id: runId };
}

async function models(server, source) {
  for (let index = 0; index < MODELS; index++) {
    const name = `fixed-${index}`;
    await post(server, "registered-models/create", { name, tags: [{ key: "team", value: `t${index % 7}` }] });
    for (let version = 0; version < (index === 0 ? VERSIONS : 1); version++)
      await post(server, "model-versions/create", { name, ...source });
  }
  for (let index = 0; index < STREAMS; index++)
    await post(server, "registered-models/create", { name: `versions-${index}` });
}
