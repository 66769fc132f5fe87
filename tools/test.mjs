// `npm test`: the check, then every test. Arguments go to vitest (`npm test -- test/rollout`).
// The last line is "N passed, N failed": the check counts as one. A test that was skipped is named with the reason that
// it gave (`skip("…")`) and counts as neither; one that gave none counts as failed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const reports = mkdtempSync(join(tmpdir(), "slipway-test-"));
const report = join(reports, "report.json");
/** So many of the slowest files are named at the end: whoever adds a test sees there what it costs. */
const SLOWEST = 10;
try {
  const isChecked = run("check", "node", ["tools/check.mjs"]) === 0;
  const pythonProblem = await prepare("python", async () => (await import("./python.mjs")).ensurePython());
  const browserProblem = await prepare("browser", async () =>
    (await import("./browser.mjs")).ensureBrowser(),
  );
  const s3Problem = await prepareS3();
  const postgresProblem = await prepare("PostgreSQL", async () =>
    (await import("./postgres.mjs")).ensurePostgres(),
  );
  const vitest = ["run", "--reporter=default", "--reporter=./tools/test-report.mjs"];
  const status = run("tests", "vitest", [...vitest, ...process.argv.slice(2)]);
  const { passed, failed } = counts(status);
  const steps = [
    isChecked,
    pythonProblem === undefined,
    browserProblem === undefined,
    s3Problem === undefined,
    postgresProblem === undefined,
  ];
  if (!isChecked) console.log("the check failed: see above");
  if (pythonProblem !== undefined)
    console.log(`Python for the tests could not be prepared: ${pythonProblem}`);
  if (browserProblem !== undefined)
    console.log(`the browser for the tests could not be prepared: ${browserProblem}`);
  if (s3Problem !== undefined) console.log(`the S3 server for the tests could not be prepared: ${s3Problem}`);
  if (postgresProblem !== undefined)
    console.log(`PostgreSQL for the tests could not be prepared: ${postgresProblem}`);
  const failures = failed + steps.filter((ok) => !ok).length;
  console.log(`${passed + Number(isChecked)} passed, ${failures} failed`);
  process.exitCode = failures === 0 && status === 0 ? 0 : 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}

/** Runs and shows a command, prints how long it took; answers its exit code. */
function run(name, command, args) {
  const started = performance.now();
  const env = { ...process.env, SLIPWAY_TEST_REPORT: report };
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", env });
  if (error) console.log(`${command} could not be started: ${error.message}`);
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return status ?? 1;
}

/** Before the tests, so that no test waits for an installation; answers what went wrong, if anything did. */
async function prepare(name, ensure) {
  const started = performance.now();
  try {
    await ensure();
    console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/**
 * The real S3-compatible server takes minutes to build: it is used where it is there, and built only when it is asked
 * for by SLIPWAY_TEST_S3=versitygw. Without it a stand-in of the tests' own answers.
 */
async function prepareS3() {
  const { ensureS3Server } = await import("./s3-server.mjs");
  const isWanted = process.env["SLIPWAY_TEST_S3"] === "versitygw";
  return await prepare("S3 server", async () => {
    const server = ensureS3Server({ install: isWanted });
    const standIn = "the tests' stand-in (SLIPWAY_TEST_S3=versitygw builds and uses a real one)";
    console.log(`S3 server: ${server === undefined ? standIn : "versitygw"}`);
  });
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
