// `npm run bench:serving`, first version: the digits network (16-64-10) through the whole platform, as it is
// pushed, beside bare node:http with ONNX Runtime in one process. One row a request, closed loop.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSeconds, processName, processTree, pssMegabytes, startPlatform } from "./lib/platform.mjs";
import { pushDigits } from "./lib/digits.mjs";
import { machine, quantile, table } from "./lib/report.mjs";

const SECONDS = Number(process.env.SECONDS ?? 5);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const CONNECTIONS = [1, 8, 32];
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-serving-"));
const bodyFile = join(folder, "body.json");
const features = Array.from({ length: 16 }, (_, i) => (i * 13) % 101);
writeFileSync(
  bodyFile,
  JSON.stringify({ inputs: [{ name: "features", shape: [1, 16], datatype: "FP32", data: features }] }),
);

function modelFile(platform) {
  const models = join(platform.dataDir, "models");
  return readdirSync(models)
    .map((name) => join(models, name, "model.onnx"))
    .find((path) => existsSync(path));
}

async function startFloor(platform) {
  const child = spawn(process.execPath, [here("lib/floor-server.mjs"), modelFile(platform)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) return { child, port: Number(line) };
  throw new Error("the floor ended before it was ready");
}

/** One measured load; CPU of the server's processes is read when the client says that it begins and ends. */
async function load(port, path, connections, pids) {
  const client = spawn(
    process.execPath,
    [here("lib/closed-loop.mjs"), port, path, bodyFile, connections, SECONDS].map(String),
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const cpu = () => pids().reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  let before = 0;
  let after = 0;
  for await (const line of createInterface({ input: client.stdout })) {
    const said = JSON.parse(line);
    if (said.measuring === true) before = cpu();
    else if (said.measuring === false) after = cpu();
    else
      return {
        ...said,
        serverCpuMicros: ((after - before) / said.count) * 1e6,
        clientCpuMicros: (said.clientCpu / said.count) * 1e6,
      };
  }
  throw new Error("the client ended without a result");
}

const median = (rows, key) =>
  quantile(
    rows.map((row) => row[key]),
    0.5,
  );

console.log(machine());
const platform = await startPlatform();
let floor;
try {
  await pushDigits(platform, folder, 64);
  floor = await startFloor(platform);
  const ours = {
    port: new URL(platform.url).port,
    path: "/v2/models/digits/infer",
    pids: () => processTree(platform.pid),
  };
  const bare = { port: floor.port, path: "/", pids: () => [floor.child.pid] };
  const rows = [
    [
      "connections",
      "server",
      "requests/s",
      "p50 ms",
      "p95 ms",
      "p99 ms",
      "CPU us/request",
      "client CPU us",
      "failed",
    ],
  ];
  for (const connections of CONNECTIONS) {
    const results = { floor: [], slipway: [] };
    // In turn, so that a machine that slows down slows both.
    for (let round = 0; round < ROUNDS; round++) {
      results.floor.push(await load(bare.port, bare.path, connections, bare.pids));
      results.slipway.push(await load(ours.port, ours.path, connections, ours.pids));
    }
    for (const [name, runs] of Object.entries(results)) {
      rows.push([
        connections,
        name,
        median(runs, "perSecond").toFixed(0),
        ...["p50", "p95", "p99"].map((key) => median(runs, key).toFixed(2)),
        median(runs, "serverCpuMicros").toFixed(0),
        median(runs, "clientCpuMicros").toFixed(0),
        runs.reduce((sum, run) => sum + run.failed, 0),
      ]);
    }
    const ratio = (key) => (median(results.slipway, key) / median(results.floor, key)).toFixed(2);
    rows.push([
      connections,
      "ratio",
      ratio("perSecond"),
      ratio("p50"),
      ratio("p95"),
      ratio("p99"),
      ratio("serverCpuMicros"),
    ]);
  }
  console.log(
    `one row of 16 features, ${SECONDS} s, median of ${ROUNDS} rounds; everything switched on: ids, outcomes, validation, prediction log`,
  );
  console.log(table(rows));
  console.log(
    processTree(platform.pid)
      .map((pid) => `${processName(pid)} ${pssMegabytes(pid).toFixed(0)} MB`)
      .join(", "),
  );
} finally {
  floor?.child.kill();
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
}
