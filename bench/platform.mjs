// `npm run bench:platform`: how long it takes to render, plan, apply and destroy each platform of record on a bare
// Kubernetes API, and what each asks a cluster for. The API is that of SLIPWAY_TEST_KUBECONFIG, or one started here.
// Nothing runs in the cluster: applying is timed without the waits for pods, and webhooks are answered by a stand-in.
// Writes docs/benchmarks/platform.md.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
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
const DOCUMENT = join(root, "docs", "benchmarks", "platform.md");
/** What others say of theirs: Kubeflow's manifests, and the machines that published blueprints ask for. */
const PUBLISHED = [
  ["Kubeflow (published)", "", "4.4", "12.3", ""],
  ["blueprints (published)", "", "", "6 to 16", ""],
];

const load = loadavg()[0].toFixed(1);
console.log(machine());
const named = process.env.SLIPWAY_TEST_KUBECONFIG;
// First, and alone: an API server that has just started keeps the machine busy.
const files = readdirSync(platforms)
  .filter((name) => name.endsWith(".yaml") && !name.endsWith(".lock.yaml"))
  .map((name) => join(platforms, name));
const rendered = [];
for (const file of files) rendered.push(await timeRenders(file));
const started = performance.now();
const plane = named ? { kubeconfig: named, stop: async () => {} } : await startControlPlane();
if (!named) console.log(`control plane ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
let prepared;
try {
  prepared = await prepare(plane);
  console.log(`${prepared.definitions} definitions installed beforehand`);
  const measured = [];
  for (const [index, file] of files.entries())
    measured.push(await measure(file, plane.kubeconfig, rendered[index]));
  const times = [
    ["platform", "objects", "render", "render again", "plan", "apply", "plan again", "destroy"],
    ...measured.map(timeRow),
  ];
  const asked = [
    ["platform", "pods", "CPU", "memory GiB", "storage GiB"],
    ...measured.map(askRow),
    ...PUBLISHED,
  ];
  console.log(`${table(times)}\n\n${table(asked)}`);
  writeFileSync(DOCUMENT, page(times, asked));
} finally {
  await prepared?.stop();
  await plane.stop();
}

/** Milliseconds of a render into an empty folder, and of one into the same folder again. */
async function timeRenders(file) {
  const out = mkdtempSync(join(tmpdir(), "slipway-bench-platform-"));
  try {
    const all = [];
    for (let count = 0; count < RUNS; count++)
      all.push((await slipway(undefined, ["platform", "render", "-f", file, "--out", out])).ms);
    const [first, ...others] = all;
    return [first, quantile(others, 0.5)];
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function measure(file, kubeconfig, renders) {
  const call = (verb, ...args) => slipway(kubeconfig, ["platform", verb, "-f", file, ...args]);
  const plan = await call("plan", "--json");
  const apply = await call("apply", "--no-wait", "--yes");
  const again = await call("plan");
  const destroy = await call("destroy", "--yes");
  const { objects, capacity } = JSON.parse(plan.stdout);
  const times = [...renders, plan.ms, apply.ms, again.ms, destroy.ms];
  return { name: basename(file, ".yaml"), objects: objects.length, times, asked: capacity.asked };
}

/** What it printed, and the milliseconds until it ended, its start included. */
async function slipway(kubeconfig, args) {
  const began = performance.now();
  const env = { ...process.env, ...(kubeconfig && { KUBECONFIG: kubeconfig }) };
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

function page(times, asked) {
  return `# A platform: time, and what it asks for

Written by \`npm run bench:platform\`; do not edit. The platforms of record (\`examples/platforms\`) against a bare Kubernetes
API server on this machine: the whole command is timed, its start included. Nothing runs in that cluster, so applying is
timed without waiting for pods; webhooks are answered by a stand-in.

- ${machine()}
- load average ${load} before; render again: median of ${RUNS - 1}, into the same folder

${markdown(times)}

What the pods of a platform ask of a cluster, as \`slipway platform plan\` sums it, beside what others publish of theirs:

${markdown(asked)}
`;
}

function markdown([head, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
