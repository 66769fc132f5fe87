// `npm run bench:platform`: how long it takes to render, plan, apply and destroy each platform of record on a bare
// Kubernetes API, and what each asks a cluster for. The API is that of SLIPWAY_TEST_KUBECONFIG, or one started here.
// Nothing runs in the cluster: applying is timed without the waits for pods, and webhooks are answered by a stand-in.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { startControlPlane } from "../tools/cluster/control-plane.mjs";
import { machine, quantile, table } from "./lib/report.mjs";

const run = promisify(execFile);
const LONGEST_MS = 300_000;
const RUNS = Number(process.env.RUNS ?? 5);
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const platforms = join(root, "examples", "platforms");
/** What others say of theirs: Kubeflow's manifests, and the machines that published blueprints ask for. */
const PUBLISHED = [
  ["Kubeflow (published)", "", "4.4", "12.3", ""],
  ["blueprints (published)", "", "", "6 to 16", ""],
];

console.log(machine());
const named = process.env.SLIPWAY_TEST_KUBECONFIG;
const started = performance.now();
const plane = named ? { kubeconfig: named, stop: async () => {} } : await startControlPlane();
if (!named) console.log(`control plane ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
let prepared;
try {
  prepared = await prepare(plane);
  console.log(`${prepared.definitions} definitions installed beforehand`);
  const measured = [];
  for (const name of readdirSync(platforms))
    if (name.endsWith(".yaml") && !name.endsWith(".lock.yaml"))
      measured.push(await measure(join(platforms, name), plane.kubeconfig));
  console.log(
    table([
      ["platform", "objects", "render", "plan", "apply", "plan again", "destroy"],
      ...measured.map(timeRow),
    ]),
  );
  console.log("");
  console.log(
    table([["platform", "pods", "CPU", "memory GiB", "storage GiB"], ...measured.map(askRow), ...PUBLISHED]),
  );
} finally {
  await prepared?.stop();
  await plane.stop();
}

async function measure(file, kubeconfig) {
  const out = mkdtempSync(join(tmpdir(), "slipway-bench-platform-"));
  try {
    const call = (verb, ...args) => slipway(kubeconfig, ["platform", verb, "-f", file, ...args]);
    const renders = [];
    for (let run = 0; run < RUNS; run++) renders.push(await call("render", "--out", out));
    const plan = await call("plan", "--json");
    const apply = await call("apply", "--no-wait", "--yes");
    const again = await call("plan");
    const destroy = await call("destroy", "--yes");
    const { objects, capacity } = JSON.parse(plan.stdout);
    const times = [
      quantile(
        renders.map(({ ms }) => ms),
        0.5,
      ),
      plan.ms,
      apply.ms,
      again.ms,
      destroy.ms,
    ];
    return { name: basename(file, ".yaml"), objects: objects.length, times, asked: capacity.asked };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** What it printed, and the milliseconds until it ended, its start included. */
async function slipway(kubeconfig, args) {
  const began = performance.now();
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const options = { env, maxBuffer: 64 * 1024 * 1024, timeout: LONGEST_MS };
  const { stdout } = await run(join(root, "bin", "slipway"), args, options);
  return { stdout, ms: performance.now() - began };
}

/** The tests' own way to install definitions, bundled: it is TypeScript. */
async function prepare({ kubeconfig, state }) {
  const folder = mkdtempSync(join(root, "node_modules", ".slipway-bench-"));
  const outfile = join(folder, "prepare.mjs");
  try {
    await build({
      absWorkingDir: root,
      entryPoints: ["bench/platform/prepare.ts"],
      outfile,
      bundle: true,
      packages: "external",
      // They look for files beside themselves.
      external: ["./tools/cluster/*"],
      format: "esm",
      platform: "node",
      target: "node20.19",
      logLevel: "warning",
    });
    const bundled = await import(pathToFileURL(outfile).href);
    return await bundled.prepare(kubeconfig, { folder: platforms, ...(state && { state }) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function timeRow({ name, objects, times }) {
  return [name, objects, ...times.map((ms) => `${(ms / 1000).toFixed(2)} s`)];
}

function askRow({ name, asked: { pods, cpu, memory, storage } }) {
  return [name, pods, cpu.toFixed(2), (memory / 2 ** 30).toFixed(1), (storage / 2 ** 30).toFixed(0)];
}
