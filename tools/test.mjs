// `npm test`: the check, then every test. Arguments go to vitest (`npm test -- test/rollout`).
// The last line is "N passed, N failed": the check counts as one, and a test that was skipped counts as failed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const reports = mkdtempSync(join(tmpdir(), "slipway-test-"));
const report = join(reports, "vitest.json");
try {
  const isChecked = run("check", "node", ["tools/check.mjs"]) === 0;
  const pythonProblem = await prepare("python", async () => (await import("./python.mjs")).ensurePython());
  const browserProblem = await prepare("browser", async () =>
    (await import("./browser.mjs")).ensureBrowser(),
  );
  const s3Problem = await prepare("S3 server", async () =>
    (await import("./s3-server.mjs")).ensureS3Server(),
  );
  const postgresProblem = await prepare("PostgreSQL", async () =>
    (await import("./postgres.mjs")).ensurePostgres(),
  );
  const vitest = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
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
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
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

/** From vitest's own report; a run that left none has failed, whatever it printed. */
function counts(status) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const skipped = result.testResults.flatMap((file) =>
    file.assertionResults.filter(({ status }) => status !== "passed" && status !== "failed"),
  );
  for (const { fullName } of skipped) console.log(`skipped, counts as failed: ${fullName}`);
  // A file that could not be loaded has no tests of its own in the report.
  const broken = result.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  const failed = result.numFailedTests + skipped.length + broken.length;
  return { passed: result.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
}
