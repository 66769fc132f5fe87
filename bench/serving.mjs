// `npm run bench:serving`: this platform, what teams write themselves and the field's servers side by side, serving the
// same models, by the same client, in turn. The full run writes docs/benchmarks/serving.md.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environment, run } from "./serving/environments.mjs";
import { besideTracking } from "./serving/beside-tracking.mjs";
import { closedLoop, openLoop, writeBody } from "./serving/load.mjs";
import { readOptions, USAGE } from "./serving/options.mjs";
import { fastapiOnnx, fastapiSklearn } from "./serving/peers/fastapi.mjs";
import { floor } from "./serving/peers/floor.mjs";
import { mlflowServe } from "./serving/peers/mlflow-serve.mjs";
import { mlserver } from "./serving/peers/mlserver.mjs";
import { slipway, slipwayPython } from "./serving/peers/slipway.mjs";
import { markdown, median, printed } from "./serving/report.mjs";
import { memoryOf } from "./lib/server-process.mjs";

const DOCUMENT = fileURLToPath(new URL("../docs/benchmarks/serving.md", import.meta.url));
const MODELS_PROGRAM = fileURLToPath(new URL("./serving/python/models.py", import.meta.url));
const CONNECTIONS = [1, 8, 32];
const ROWS = [1, 100];
const ALL = [floor, slipway, slipwayPython, fastapiOnnx, fastapiSklearn, mlserver, mlflowServe];
/** Asked at a steady rate: half of its own best, and twice of it. */
const OPEN_LOOP = new Set(["floor", "slipway"]);

const options = readOptions(process.argv.slice(2));
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-serving-"));
const say = (text) => console.error(`[${Math.round(performance.now() / 1000)} s] ${text}`);

async function begin(kind, models, model) {
  const own = join(folder, `${kind.name}-${model}`);
  mkdirSync(own);
  try {
    const version = await kind.version();
    const server = await kind.start({ models, model, folder: own });
    return { kind, version, server, input: await inputOf(server) };
  } catch (error) {
    return { kind, notRun: error.message.split("\n").slice(0, 3).join(" ") };
  }
}

/** The name of a model's one input, where the server tells it. */
async function inputOf({ url }) {
  if (url === undefined) return "x";
  const answer = await fetch(`${url}/v2/models/iris`);
  return (await answer.json()).inputs?.[0]?.name ?? "x";
}

async function measureClosed(subjects, rows, connections) {
  const runs = new Map(subjects.map((subject) => [subject.kind.name, []]));
  // In turn, so that a machine that slows down slows all of them.
  for (let round = 0; round < options.rounds; round++) {
    for (const { kind, server, input, notRun } of subjects) {
      if (notRun !== undefined) continue;
      const bodyFile = writeBody(folder, { format: server.format, input }, rows);
      runs.get(kind.name).push(await closedLoop(server, { bodyFile, connections, seconds: options.seconds }));
    }
  }
  return runs;
}

async function measureOpen(subjects, rows, best) {
  const results = [];
  for (const { kind, server, input, notRun } of subjects) {
    const peak = best.get(kind.name);
    if (!OPEN_LOOP.has(kind.name) || notRun !== undefined || peak === undefined) continue;
    const bodyFile = writeBody(folder, { format: server.format, input }, rows);
    for (const [times, name] of [
      [0.5, "half load"],
      [2, "twice saturation"],
    ]) {
      const rate = Math.round(peak * times);
      const result = await openLoop(server, { bodyFile, rate, seconds: options.seconds });
      results.push({ server: kind.name, name, rate, peak, ...result });
    }
  }
  return results;
}

async function measureModel(models, model, rows) {
  const kinds = ALL.filter(({ name }) => [...options.peers, ...options.ours, "floor"].includes(name));
  const subjects = [];
  try {
    for (const kind of kinds) {
      say(`${model}: starting ${kind.name}`);
      subjects.push(await begin(kind, models, model));
    }
    const lines = [];
    for (const count of ROWS)
      for (const connections of CONNECTIONS) {
        say(`${model}: ${count} rows, ${connections} connections`);
        const runs = await measureClosed(subjects, rows.slice(0, count), connections);
        lines.push({ model, rows: count, connections, runs });
      }
    const most = lines.find((line) => line.rows === 1 && line.connections === CONNECTIONS.at(-1));
    const best = new Map([...most.runs].map(([name, runs]) => [name, median(runs, "perSecond")]));
    say(`${model}: at a steady rate`);
    const open = (await measureOpen(subjects, rows.slice(0, 1), best)).map((one) => ({ model, ...one }));
    const own = subjects.find(({ kind }) => kind.name === "slipway");
    let beside = [];
    if (own?.server !== undefined) {
      say(`${model}: beside saturated tracking`);
      const bodyFile = writeBody(folder, { format: own.server.format, input: own.input }, rows.slice(0, 1));
      beside = [
        { model, ...(await besideTracking(own.server, { bodyFile, seconds: options.seconds, folder })) },
      ];
    }
    const memory = subjects.map(({ kind, server, notRun, version }) => ({
      model,
      server: kind.name,
      version,
      notRun,
      startMs: server?.startMs,
      ...(server === undefined ? {} : memoryOf(server.pids())),
    }));
    return { lines, open, beside, memory };
  } finally {
    for (const { server } of subjects) await server?.stop();
  }
}

try {
  const loadBefore = loadavg()[0];
  const models = join(folder, "models");
  mkdirSync(models);
  say("training the models");
  run(join(environment("fastapi"), "python"), [MODELS_PROGRAM, models]);
  const rows = JSON.parse(readFileSync(join(models, "rows.json"), "utf8"));
  const measured = [];
  for (const model of options.models) measured.push(await measureModel(models, model, rows));
  const result = {
    options,
    loadBefore,
    loadAfter: loadavg()[0],
    lines: measured.flatMap(({ lines }) => lines),
    open: measured.flatMap(({ open }) => open),
    beside: measured.flatMap(({ beside }) => beside),
    memory: measured.flatMap(({ memory }) => memory),
  };
  console.log(printed(result));
  if (!options.quick && options.peers.length > 0) {
    mkdirSync(join(DOCUMENT, ".."), { recursive: true });
    writeFileSync(DOCUMENT, markdown(result));
    say(`wrote ${DOCUMENT}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
