// `npm run test:cluster -- --api [FILE…]`: tests against a real Kubernetes API. It is the cluster of
// SLIPWAY_TEST_KUBECONFIG, or a control plane without nodes that is built once, started here and ended with it.
// `node tools/cluster.mjs --up [FOLDER]` only starts one and keeps it until it is interrupted; `--programs` only builds.
// What can't be had here fails with the name of what is missing; nothing is skipped. Arguments go to vitest.
import { spawn } from "node:child_process";
import { accessSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startControlPlane } from "./cluster/control-plane.mjs";
import { ensureProgram } from "./cluster/programs.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [mode, ...rest] = process.argv.slice(2);
const MODES = { "--api": test, "--up": up, "--programs": programs };
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
const interrupted = new Promise((resolve) => {
  interruption.signal.addEventListener("abort", resolve, { once: true });
});

try {
  const run = MODES[mode];
  if (run === undefined)
    throw new Error(
      "what is to run is `--api` (tests against the Kubernetes API alone): " +
        "npm run test:cluster -- --api [FILE…]",
    );
  process.exitCode = await run(rest);
} catch (error) {
  console.log(interruption.signal.aborted ? error.message : `missing: ${error.message}`);
  process.exitCode = 1;
}

async function test(args) {
  const began = performance.now();
  const { kubeconfig, stop, said, state } = await cluster();
  console.log(`${said} (${seconds(began)} s)`);
  const reports = mkdtempSync(join(tmpdir(), "slipway-cluster-report-"));
  const report = join(reports, "report.json");
  const env = {
    ...process.env,
    SLIPWAY_TEST_KUBECONFIG: kubeconfig,
    SLIPWAY_TEST_CLUSTER_STATE: state,
    SLIPWAY_TEST_REPORT: report,
  };
  try {
    const vitest = ["vitest", "run", "--config", "vitest.cluster.config.ts"];
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

async function up([folder]) {
  const one = await startControlPlane({ folder, signal: interruption.signal });
  console.log(JSON.stringify({ kubeconfig: one.kubeconfig, url: one.url, pids: one.pids }));
  await interrupted;
  await one.stop();
  return 0;
}

function programs() {
  for (const name of ["etcd", "kube-apiserver", "kube-controller-manager", "helm"])
    console.log(ensureProgram(name));
  return 0;
}

async function cluster() {
  const named = process.env.SLIPWAY_TEST_KUBECONFIG;
  if (named) {
    accessSync(named);
    return { kubeconfig: named, state: "", stop: async () => {}, said: `the cluster of ${named}` };
  }
  const { kubeconfig, url, state, stop } = await startControlPlane({ signal: interruption.signal });
  return { kubeconfig, state, stop, said: `a control plane at ${url}` };
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
