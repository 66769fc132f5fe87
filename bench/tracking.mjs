// `npm run bench:tracking`: this platform, the real `mlflow server` and FastTrackML side by side, each on SQLite, by the
// same client, line by line in turn. The full run writes docs/benchmarks/tracking.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { allLines, reasonNotToRun } from "./tracking/lines.mjs";
import { load } from "./tracking/load.mjs";
import { readOptions, USAGE } from "./tracking/options.mjs";
import { fasttrackml } from "./tracking/peers/fasttrackml.mjs";
import { mlflow } from "./tracking/peers/mlflow.mjs";
import { memoryOf } from "./lib/server-process.mjs";
import { slipway } from "./tracking/peers/slipway.mjs";
import { prepare } from "./tracking/prepare.mjs";
import { markdown, printed } from "./tracking/report.mjs";

const IDLE_MS = 3_000;
const CONNECTIONS = [1, 8];
const DOCUMENT = fileURLToPath(new URL("../docs/benchmarks/tracking.md", import.meta.url));

const options = readOptions(process.argv.slice(2));
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-tracking-"));
const running = [];
const say = (text) => console.error(`[${Math.round(performance.now() / 1000)} s] ${text}`);

/** Starts a server and looks at it idle, in a folder of its own; a server that can't be had is a reason. */
async function begin(kind) {
  const own = join(folder, kind.name);
  mkdirSync(own);
  try {
    const version = await kind.install();
    const server = await kind.start(own);
    await sleep(IDLE_MS);
    return {
      kind,
      folder: own,
      server,
      version,
      startMs: server.startMs,
      idle: memoryOf(server.pids()),
    };
  } catch (error) {
    return { kind, notRun: error.message.split("\n")[0] };
  }
}

async function fill(subject, sizes) {
  try {
    subject.ids = await prepare(subject, sizes);
  } catch (error) {
    subject.notRun = `filling: ${error.message.split("\n")[0]}`;
  }
}

async function measure(line, connections, subject) {
  const notRun = reasonNotToRun(line, subject.kind, options);
  if (notRun !== undefined) return { notRun };
  try {
    return await load(subject.server, line.job(subject.ids), {
      ...options,
      connections,
      folder: subject.folder,
    });
  } catch (error) {
    return { notRun: error.message.split("\n")[0] };
  }
}

async function main() {
  const lines = allLines(options.sizes).filter(
    ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
  );
  const sizes = options.sizes.filter((size) => lines.some((line) => line.size === size));
  const subjects = [];
  for (const kind of [slipway, mlflow, fasttrackml]) {
    if (kind !== slipway && !options.peers.includes(kind.name)) continue;
    say(`starting ${kind.name}`);
    const subject = await begin(kind);
    if (subject.server) {
      running.push(subject);
      say(`filling ${kind.name}`);
      await fill(subject, sizes);
    }
    if (kind === slipway && subject.notRun) throw new Error(subject.notRun);
    subjects.push(subject);
  }
  const results = [];
  for (const line of lines) {
    for (const connections of line.connections ?? CONNECTIONS) {
      say(`${line.name}, ${connections} connections`);
      const row = { line, connections, servers: {} };
      for (const subject of subjects)
        row.servers[subject.kind.name] = subject.notRun
          ? { notRun: subject.notRun }
          : await measure(line, connections, subject);
      results.push(row);
    }
  }
  for (const subject of running) subject.after = memoryOf(subject.server.pids());
  return { options, subjects, results, loadBefore, loadAfter: loadavg()[0] };
}

async function end() {
  for (const { server } of running) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => void end().finally(() => process.exit(1)));
const loadBefore = loadavg()[0];
try {
  const measured = await main();
  console.log(printed(measured));
  if (!options.quick && options.only.length === 0 && options.peers.length === 2) {
    mkdirSync(join(DOCUMENT, ".."), { recursive: true });
    writeFileSync(DOCUMENT, markdown(measured));
    say("docs/benchmarks/tracking.md is written");
  }
} finally {
  await end();
}
process.exit(0);
