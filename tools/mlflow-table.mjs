// Writes docs/mlflow.md: which calls of MLflow's API are served, and which of them MLflow's own client or a
// differential test has made; and docs/reference/mlflow-openapi.json, which describes those that are served. Without
// arguments it runs those tests first; `--openapi` writes that description alone; `--check` only compares the calls
// that both name with the routes of the sources.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { mlflowOpenApi, routesOfOpenApi } from "./mlflow/openapi.mjs";
import { mlflowPage, routesOfPage } from "./mlflow/page.mjs";
import { mlflowRoutesOf } from "./mlflow/routes.mjs";
import { ensurePython } from "./python.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const page = join(root, "docs", "mlflow.md");
const openApi = join(root, "docs", "reference", "mlflow-openapi.json");
const calls = join(root, ".cache", "mlflow-calls");
/** What a test imports that runs MLflow's client, or compares with its server. */
const MARKS = /mlflow-script\.ts|mlflow_client\.py|differential\//;

const routes = await mlflowRoutesOf(root);
if (process.argv.includes("--check")) check();
else if (process.argv.includes("--openapi")) writeOpenApi();
else write();

function check() {
  const wanted = new Set([...routes.served, ...routes.notOffered.keys()]);
  // A HEAD is what its GET is; it needs no description of its own.
  const described = [...routes.served].filter((route) => !route.startsWith("HEAD "));
  const problems = [
    ...differences(page, routesOfPage, wanted),
    ...differences(openApi, (text) => routesOfOpenApi(JSON.parse(text)), new Set(described)),
  ];
  for (const problem of problems) console.error(problem);
  console.log(
    problems.length === 0
      ? "mlflow: the table and the description name every route"
      : "mlflow: stale; run `node tools/mlflow-table.mjs`",
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** What a file names and nobody serves, and the other way round. Traces over OTLP aren't MLflow's own call. */
function differences(file, routesOf, wanted) {
  const name = relative(root, file);
  let named;
  try {
    named = routesOf(readFileSync(file, "utf8"));
  } catch {
    return [`${name} can't be read`];
  }
  named.delete("POST /v1/traces");
  return [
    ...[...wanted].filter((route) => !named.has(route)).map((route) => `${name} doesn't name ${route}`),
    ...[...named]
      .filter((route) => !wanted.has(route))
      .map((route) => `${name} names ${route}, which nobody serves`),
  ];
}

function writeOpenApi() {
  const declared = JSON.parse(
    run(ensurePython(), [join(root, "test", "python", "mlflow_openapi.py")], "pipe"),
  );
  writeFileSync(openApi, `${JSON.stringify(mlflowOpenApi({ ...routes, declared }), null, 2)}\n`);
  run(join(root, "node_modules", ".bin", "oxfmt"), ["--write", openApi], "ignore");
  console.log(`mlflow: wrote ${relative(root, openApi)}`);
}

function write() {
  writeOpenApi();
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
