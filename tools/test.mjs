// `npm test`: npm's packages, the check, then every test. Node's own modules only, since nothing is installed before
// it. Arguments go to vitest (`npm test -- test/rollout`).
// The last line is "N passed, N failed": the check counts as one. A test that was skipped is named with the reason that
// it gave (`skip("…")`) and counts as neither; one that gave none counts as failed.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const reports = mkdtempSync(join(tmpdir(), "slipway-test-"));
const report = join(reports, "report.json");
/** So many of the slowest files are named at the end: whoever adds a test sees there what it costs. */
const SLOWEST = 10;
/** Runs what comes behind it once npm's packages are there. */
const INSTALLED = "with-install.mjs";
try {
  // Beside each other: the check computes, the installations mostly wait.
  const [isChecked, ...problems] = await Promise.all([
    inBackground("packages and check", INSTALLED, "node", "tools/check.mjs").then(({ output, isGood }) => {
      console.log(output.trimEnd());
      return isGood;
    }),
    prepare("Python", "python.mjs"),
    prepare("the browser", "browser.mjs"),
    prepare("PostgreSQL", "postgres.mjs"),
    prepareS3(),
  ]);
  const vitest = ["run", "--reporter=default", "--reporter=./tools/test-report.mjs"];
  const status = run("tests", INSTALLED, "vitest", ...vitest, ...process.argv.slice(2));
  const { passed, failed } = counts(status);
  if (!isChecked) console.log("the check failed: see above");
  const said = problems.filter((problem) => problem !== undefined);
  for (const problem of said) console.log(problem);
  const failures = failed + said.length + Number(!isChecked);
  console.log(`${passed + Number(isChecked)} passed, ${failures} failed`);
  process.exitCode = failures === 0 && status === 0 ? 0 : 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}

/** Runs and shows one of our tools, prints how long it took; answers its exit code. */
function run(name, file, ...args) {
  const started = performance.now();
  const env = { ...process.env, SLIPWAY_TEST_REPORT: report };
  const options = { cwd: root, stdio: "inherit", env };
  const { status } = spawnSync(process.execPath, [join("tools", file), ...args], options);
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return status ?? 1;
}

/** Runs one of our tools to its end without showing it, prints how long it took. */
function inBackground(name, file, ...args) {
  const started = performance.now();
  const child = spawn(process.execPath, [join("tools", file), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ output: error.message, isGood: false }));
    child.on("close", (code) => {
      console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
      resolve({ output, isGood: code === 0 });
    });
  });
}

/** Before the tests, so that no test waits for an installation; answers what went wrong, if anything did. */
async function prepare(name, file) {
  const { output, isGood } = await inBackground(name, file);
  return isGood ? undefined : `${name} for the tests could not be prepared: ${output.trim()}`;
}

/**
 * The real S3-compatible server takes minutes to build: it is used where it is there, and built only when it is asked
 * for by SLIPWAY_TEST_S3=versitygw. Without it a stand-in of the tests' own answers.
 */
async function prepareS3() {
  if (process.env["SLIPWAY_TEST_S3"] === "versitygw") return await prepare("S3 server", "s3-server.mjs");
  const { ensureS3Server } = await import("./s3-server.mjs");
  try {
    const standIn = "the tests' stand-in (SLIPWAY_TEST_S3=versitygw builds and uses a real one)";
    console.log(`S3 server: ${ensureS3Server({ install: false }) === undefined ? standIn : "versitygw"}`);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** From the report of the run; a run that left none has failed, whatever it printed. */
function counts(status) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const isExplained = ({ why }) => Boolean(why);
  // Tests behind a hook that failed are left out without a reason: the hook counts.
  const unexplained = result.broken.length > 0 ? [] : result.skipped.filter((test) => !isExplained(test));
  for (const { name, why } of result.skipped.filter(isExplained)) console.log(`skipped: ${name}: ${why}`);
  for (const { name } of unexplained) console.log(`skipped without a reason, counts as failed: ${name}`);
  for (const name of result.broken) console.log(`broken, counts as failed: ${name}`);
  const slowest = result.files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  for (const { name, seconds } of slowest) console.log(`slow: ${seconds.toFixed(1)} s ${name}`);
  const failed = result.failed + unexplained.length + result.broken.length;
  return { passed: result.passed, failed: failed === 0 && status !== 0 ? 1 : failed };
}
