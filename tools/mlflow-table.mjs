// Writes docs/mlflow.md: which calls of MLflow's API are served, and which of them MLflow's own client or a
// differential test has made. Without arguments it runs those tests first; `--check` only compares the calls that the
// page names with the routes of the sources.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mlflowPage, routesOfPage } from "./mlflow/page.mjs";
import { mlflowRoutesOf } from "./mlflow/routes.mjs";
import { ensurePython } from "./python.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const page = join(root, "docs", "mlflow.md");
const calls = join(root, ".cache", "mlflow-calls");
/** What a test imports that runs MLflow's client, or compares with its server. */
const MARKS = /mlflow-script\.ts|mlflow_client\.py|differential\//;

const routes = await mlflowRoutesOf(root);
if (process.argv.includes("--check")) check();
else write();

function check() {
  const wanted = new Set([...routes.served, ...routes.notOffered.keys()]);
  let named;
  try {
    named = routesOfPage(readFileSync(page, "utf8"));
  } catch {
    named = new Set();
  }
  const problems = [
    ...[...wanted].filter((route) => !named.has(route)).map((route) => `doesn't name ${route}`),
    ...[...named].filter((route) => !wanted.has(route)).map((route) => `names ${route}, which nobody serves`),
  ];
  for (const problem of problems) console.error(`docs/mlflow.md ${problem}`);
  console.log(
    problems.length === 0
      ? "mlflow: the table names every route"
      : "mlflow: stale; run `node tools/mlflow-table.mjs`",
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function write() {
  const rpcs = JSON.parse(run(ensurePython(), [join(root, "test", "python", "mlflow_rpcs.py")], "pipe"));
  rmSync(calls, { recursive: true, force: true });
  const tests = readdirSync(join(root, "test"), { recursive: true })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test", name))
    .filter((name) => MARKS.test(readFileSync(join(root, name), "utf8")));
  run(join(root, "node_modules", ".bin", "vitest"), ["run", "--project", "sqlite", ...tests], "inherit");
  const files = readdirSync(calls).map((name) => join(calls, name));
  const made = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")));
  writeFileSync(page, mlflowPage({ ...routes, rpcs, calls: new Set(made) }));
  console.log(`mlflow: wrote docs/mlflow.md from ${tests.length} test files`);
}

function run(command, args, stdout) {
  const done = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", stdout, "inherit"],
    maxBuffer: 16 * 1024 * 1024,
  });
  if (done.status !== 0) throw new Error(`${command} failed: the page stays as it was`);
  return done.stdout;
}
