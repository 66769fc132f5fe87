// `npm run test:cluster [FILE…]`: tests against a real Kubernetes with a node, which is brought up here (it takes Linux and
// root) with our image in it, or is the cluster of SLIPWAY_TEST_KUBECONFIG with the image that SLIPWAY_TEST_IMAGE names.
// `-- --api [FILE…]`: tests against the Kubernetes API alone, which needs neither: a control plane without nodes, or that
// same cluster. `-- --node --up [FOLDER]` and `-- --up [FOLDER]` only start one and keep it until they are interrupted;
// `-- --programs` only builds what they start.
// What can't be had here fails with the name of what is missing; nothing is skipped. Other arguments go to vitest.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startControlPlane } from "./cluster/control-plane.mjs";
import { startNode } from "./cluster/node/node.mjs";
import { importOperators } from "./cluster/node/operators.mjs";
import { ensureProgram, programNames } from "./cluster/programs.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [mode, ...rest] = process.argv.slice(2);
const IMAGE = "slipway.local/slipway:dev";
const API = { start: controlPlane, config: "vitest.cluster.config.ts" };
const NODE = { start: node, config: "vitest.node.config.ts" };
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
const interrupted = new Promise((resolve) => {
  interruption.signal.addEventListener("abort", resolve, { once: true });
});

try {
  process.exitCode = await run();
} catch (error) {
  console.log(interruption.signal.aborted ? error.message : `missing: ${error.message}`);
  process.exitCode = 1;
}

function run() {
  if (mode === "--programs") return programs();
  if (mode === "--up") return up(API, rest);
  if (mode === "--api") return test(API, rest);
  const args = mode === "--node" ? rest : mode === undefined ? [] : [mode, ...rest];
  return args[0] === "--up" ? up(NODE, args.slice(1)) : test(NODE, args);
}

async function test({ start, config }, args) {
  const began = performance.now();
  const { kubeconfig, stop, said, state, variables } = await (named() ?? start());
  console.log(`${said} (${seconds(began)} s)`);
  const reports = mkdtempSync(join(tmpdir(), "slipway-cluster-report-"));
  const report = join(reports, "report.json");
  const env = {
    ...process.env,
    SLIPWAY_TEST_KUBECONFIG: kubeconfig,
    SLIPWAY_TEST_CLUSTER_STATE: state,
    SLIPWAY_TEST_REPORT: report,
    ...variables,
  };
  try {
    const vitest = ["vitest", "run", "--config", config];
    const reporters = ["--reporter=default", "--reporter=./tools/test-report.mjs"];
    const command = [join("tools", "with-install.mjs"), ...vitest, ...reporters, ...args];
    const child = spawn(process.execPath, command, { cwd: root, stdio: "inherit", env });
    void interrupted.then(() => child.kill("SIGTERM"));
    const code = await new Promise((resolve) => child.on("exit", resolve));
    return tell(report, code, began);
  } finally {
    await stop();
    rmSync(reports, { recursive: true, force: true });
  }
}

async function up({ start }, [folder]) {
  const { said: _, stop, variables, ...told } = await start(folder);
  console.log(JSON.stringify({ ...told, ...variables }));
  await interrupted;
  await stop();
  return 0;
}

function programs() {
  for (const name of programNames()) console.log(ensureProgram(name));
  return 0;
}

function named() {
  const kubeconfig = process.env.SLIPWAY_TEST_KUBECONFIG;
  if (!kubeconfig) return undefined;
  accessSync(kubeconfig);
  return {
    kubeconfig,
    state: "",
    stop: async () => {},
    said: `the cluster of ${kubeconfig}`,
    variables: {},
  };
}

async function controlPlane(folder) {
  const { kubeconfig, url, state, pids, stop } = await startControlPlane({
    folder,
    signal: interruption.signal,
  });
  return { kubeconfig, url, state, pids, stop, said: `a control plane at ${url}`, variables: {} };
}

/** With our image, as it is built now. */
async function node(folder) {
  const { stop, ...one } = await startNode({ folder, signal: interruption.signal });
  try {
    await importOperators(one);
    const image = [join("tools", "image.mjs"), "--name", IMAGE, "--import", one.socket, "--ctr", one.ctr];
    const command = [join("tools", "with-install.mjs"), process.execPath, ...image];
    const { status } = spawnSync(process.execPath, command, {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (status !== 0) throw new Error("our image, which couldn't be made; what was said is above");
    const variables = { SLIPWAY_TEST_IMAGE: IMAGE, SLIPWAY_TEST_NODE: JSON.stringify(one) };
    return { ...one, stop, said: `a Kubernetes node at ${one.url}`, variables };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The last line as `npm test` has it; answers the exit code. */
function tell(report, code, began) {
  let result = { passed: 0, failed: 1, broken: [], skipped: [] };
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    console.log("the tests left no report");
  }
  for (const name of result.broken) console.log(`broken, counts as failed: ${name}`);
  for (const { name } of result.skipped) console.log(`skipped, counts as failed: ${name}`);
  const failed = result.failed + result.broken.length + result.skipped.length;
  const failures = failed === 0 && code !== 0 ? 1 : failed;
  console.log(`cluster tests: ${seconds(began)} s`);
  console.log(`${result.passed} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

function seconds(began) {
  return ((performance.now() - began) / 1000).toFixed(1);
}
