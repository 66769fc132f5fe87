// `npm run bench:processes`: what the process layout costs, and what it buys. Memory and start of each process, a
// hop from serve to control and to a worker, and what callers see when a process is killed (Linux).
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pushDigits } from "./lib/digits.mjs";
import { openConnection, requestBytes } from "./lib/one-by-one.mjs";
import { outage, startCallers } from "./lib/outage.mjs";
import { cpuSeconds, processName, processTree, pssMegabytes, startPlatform } from "./lib/platform.mjs";
import { machine, quantile, table } from "./lib/report.mjs";
import { startOfRole } from "./lib/roles.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const REQUESTS = Number(process.env.REQUESTS ?? 4000);
const SETTLE_MS = 5000;
const BEFORE_KILL_MS = 1000;
const AFTER_KILL_MS = 4000;
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-processes-"));
const row = Array.from({ length: 16 }, (_, i) => (i * 13) % 101);
const prediction = JSON.stringify({
  inputs: [{ name: "features", shape: [1, 16], datatype: "FP32", data: row }],
});
const median = (values) => quantile(values, 0.5);
const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;

/** The pids of a platform by what they are: supervisor, serve, control, worker. */
function pidsOf(platform) {
  const all = processTree(platform.child.pid).map((pid) => [processName(pid).split(" ")[0], pid]);
  return Object.fromEntries(all.filter(([name]) => name !== ""));
}

async function memoryAndStart(platform) {
  await sleep(SETTLE_MS);
  const memory = Object.entries(pidsOf(platform)).map(([name, pid]) => [name, pssMegabytes(pid)]);
  const models = join(platform.dataDir, "models");
  const modelDir = readdirSync(models)
    .map((name) => join(models, name))
    .find((path) => existsSync(join(path, "model.onnx")));
  const starts = { serve: [], control: [], worker: [], supervisor: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const role of ["serve", "control", "worker"]) starts[role].push(await startOfRole(role, modelDir));
    const whole = await startPlatform();
    starts.supervisor.push(whole.readyMs);
    await whole.stop();
  }
  const what = { supervisor: "all of `slipway up`" };
  console.log(
    table([
      ["process", "PSS idle", "start to ready", "of"],
      ...memory.map(([name, mb]) => [
        name,
        `${mb.toFixed(1)} MB`,
        ms(median(starts[name])),
        what[name] ?? "alone",
      ]),
      ["together", `${memory.reduce((sum, [, mb]) => sum + mb, 0).toFixed(1)} MB`, "", ""],
    ]),
  );
}

/** One path measured: latencies in milliseconds, and the CPU of serve, control and worker for a request. */
async function measurePath({ target, first, request }, pids) {
  const connection = await openConnection(target);
  const cpu = () => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
  const must = async (bytes) => {
    const { status, ms: taken } = await connection.send(bytes);
    if (status !== 200) throw new Error(`answered ${status}`);
    return taken;
  };
  try {
    if (first !== undefined) await must(first);
    for (let i = 0; i < REQUESTS / 10; i++) await must(request);
    const before = cpu();
    const latencies = [];
    for (let i = 0; i < REQUESTS; i++) latencies.push(await must(request));
    const after = cpu();
    const used = (name) => ((after[name] - before[name]) / REQUESTS) * 1e6;
    return {
      p50: median(latencies),
      p99: quantile(latencies, 0.99),
      serve: used("serve"),
      control: used("control"),
      worker: used("worker"),
    };
  } finally {
    connection.close();
  }
}

async function hops(platform) {
  const pids = pidsOf(platform);
  const port = { port: Number(new URL(platform.url).port), host: "127.0.0.1" };
  const health = requestBytes("/health");
  const live = requestBytes("/v2/health/live");
  const paths = {
    "control by its own socket": {
      target: { path: join(platform.dataDir, "run", "control.sock") },
      request: health,
    },
    "control through serve's byte pipe": { target: port, request: health },
    "control through serve's forward": { target: port, first: live, request: health },
    "serve by itself": { target: port, request: live },
    "prediction by serve and worker": {
      target: port,
      request: requestBytes("/v2/models/digits/infer", prediction),
    },
  };
  const results = Object.fromEntries(Object.keys(paths).map((name) => [name, []]));
  // In turn, so that a machine that slows down slows all.
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, path] of Object.entries(paths)) results[name].push(await measurePath(path, pids));
  const of = (runs, key) => median(runs.map((run) => run[key]));
  const micros = (runs, key) => `${of(runs, key).toFixed(0)} us`;
  console.log(
    table([
      ["a request answered by", "p50", "p99", "CPU of serve", "of control", "of the worker"],
      ...Object.entries(results).map(([name, runs]) => [
        name,
        ms(of(runs, "p50")),
        ms(of(runs, "p99")),
        ...["serve", "control", "worker"].map((key) => micros(runs, key)),
      ]),
    ]),
  );
}

/** Kills one process under load. A killed supervisor takes all with it: it is started again as soon as it is gone. */
async function killOne(platform, name, signal) {
  const port = Number(new URL(platform.url).port);
  const load = { perSecond: 200, connections: 8 };
  const predictions = startCallers({
    ...load,
    url: `${platform.url}/v2/models/digits/infer`,
    body: prediction,
  });
  const tracking = startCallers({
    ...load,
    url: `${platform.url}/api/2.0/mlflow/experiments/get?experiment_id=0`,
    perSecond: 100,
    connections: 2,
  });
  await sleep(BEFORE_KILL_MS);
  const since = performance.now();
  let next = platform;
  process.kill(pidsOf(platform)[name], signal);
  if (name === "supervisor") {
    await new Promise((resolve) => platform.child.once("exit", resolve));
    next = await startPlatform(platform.dataDir, port);
  }
  await sleep(AFTER_KILL_MS);
  const seen = { predictions: await predictions.stop(), tracking: await tracking.stop() };
  return {
    platform: next,
    predictions: outage(seen.predictions, since),
    tracking: outage(seen.tracking, since),
  };
}

/** The same platform anew: the supervisor waits longer before each restart of a process that keeps ending. */
async function restarted(platform) {
  const ended = new Promise((resolve) => platform.child.once("exit", resolve));
  platform.child.kill("SIGTERM");
  await ended;
  const next = await startPlatform(platform.dataDir, Number(new URL(platform.url).port));
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`${next.url}/v2/models/digits/ready`);
    await answer.arrayBuffer();
    if (answer.ok) return next;
    await sleep(50);
  }
  throw new Error("the model didn't come back within 5 s of a restart");
}

async function kills(platform) {
  const rows = [
    [
      "killed",
      "signal",
      "no prediction for",
      "failed of",
      "slowest good one",
      "no tracking answer for",
      "failed of",
    ],
  ];
  let current = platform;
  for (const name of ["worker", "serve", "control", "supervisor"])
    for (const signal of ["SIGKILL", "SIGSEGV"]) {
      const rounds = [];
      for (let round = 0; round < ROUNDS; round++) {
        current = await restarted(current);
        const seen = await killOne(current, name, signal);
        current = seen.platform;
        rounds.push(seen);
      }
      const of = (what, key) => median(rounds.map((round) => round[what][key]));
      const failed = (what) => `${of(what, "failed")} of ${of(what, "sent")}`;
      rows.push([
        name,
        signal,
        ms(of("predictions", "gap")),
        failed("predictions"),
        ms(of("predictions", "slowest")),
        ms(of("tracking", "gap")),
        failed("tracking"),
      ]);
    }
  console.log(table(rows));
  return current;
}

console.log(machine());
console.log(`medians of ${ROUNDS} rounds; ${REQUESTS} requests one after the other per path and round\n`);
let platform = await startPlatform();
try {
  await pushDigits(platform, folder);
  await memoryAndStart(platform);
  console.log();
  await hops(platform);
  console.log("\n200 predictions and 100 tracking requests a second on kept connections, no retries:");
  platform = await kills(platform);
} finally {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
}
