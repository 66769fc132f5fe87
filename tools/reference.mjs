// Keeps docs/reference/ equal to the schemas, the catalogue of errors, the commands and the routes. `--write` writes it; without, exit code 1 says that it is stale.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { accessPage } from "./reference/access.mjs";
import { apiPage } from "./reference/api.mjs";
import { cliPage } from "./reference/cli.mjs";
import { errorsPage } from "./reference/errors.mjs";
import { metricsPage } from "./reference/metrics.mjs";
import { ownApi } from "./reference/own-api.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "docs", "reference");

const FEATURES = {
  platformRoutes: "roles/platform-routes",
  specRoutes: "spec/routes",
  pipelineRoutes: "pipelines/routes",
  rolloutRoutes: "rollout/routes",
  exampleRoutes: "rollout/example-routes",
  planRoutes: "rollout/plan-routes",
  evidenceRoutes: "rollout/evidence-routes",
  projectRoutes: "git/project-routes",
  whyRoutes: "why/routes",
  servingLogRoutes: "serving/log-routes",
  predictionLogRoutes: "monitoring/prediction-log/routes",
  tenancyRoutes: "tenancy/routes",
  deviceRoutes: "tenancy/login/device-routes",
  gcRoutes: "gc/routes",
  historyRoutes: "history/routes",
  importRoutes: "import/routes",
  pushRoutes: "push/routes",
  stepRoutes: "pipelines/remote/routes",
};
/** Further routes of the control process, which aren't of our own API. */
const MORE_ROUTES = {
  trackingRoutes: "tracking/routes",
  registryRoutes: "registry/routes",
  gitRoutes: "git/smart-http",
  metricsRoutes: "monitoring/metrics-routes",
  consoleRoutes: "console/routes",
  loginRoutes: "tenancy/login/login-routes",
};
const SOURCES = {
  projectJsonSchema: "spec/json-schema",
  projectReference: "spec/reference",
  platformJsonSchema: "spec/platform/json-schema",
  platformReference: "spec/platform/reference",
  REGISTRY: "targets/kubernetes/registry",
  CATALOGUE: "http/errors",
  METRICS: "monitoring/metrics-table",
  createApp: "http/server",
  openApiRoute: "http/server",
  buildProgram: "cli/program",
  EXIT: "cli/exit",
  mlflowRoutes: "tracking/wire/routes",
  workspaceRoutes: "tenancy/workspace-routes",
  webhookRoutes: "registry/webhooks/routes",
  ...FEATURES,
  ...MORE_ROUTES,
};

/** The exports of SOURCES, from the sources as they are now. */
async function loadSources() {
  // Inside the clone, so that packages resolve; by process, so that two runs don't meet.
  const bundle = join(root, "node_modules", ".cache", `slipway-reference-${process.pid}.mjs`);
  const lines = Object.entries(SOURCES).map(([name, file]) => `export { ${name} } from "./src/${file}.ts";`);
  await build({
    absWorkingDir: root,
    stdin: { contents: lines.join("\n"), resolveDir: root },
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "warning",
  });
  try {
    return await import(pathToFileURL(bundle).href);
  } finally {
    rmSync(bundle, { force: true });
  }
}

/** The pages by file name. */
async function pages() {
  const sources = await loadSources();
  const schema = sources.projectJsonSchema();
  const platform = sources.platformJsonSchema(sources.REGISTRY.components);
  const groups = Object.fromEntries(Object.keys(FEATURES).map((name) => [name, sources[name]]));
  const invocation = {
    argv: [],
    env: {},
    packageDir: root,
    mainFile: join(root, "dist", "main.js"),
    writerFile: "",
  };
  const terminal = { isInteractive: false, cwd: root };
  const openApi = await ownApi(sources, groups, join(root, "src", "roles", "compose-control.ts"));
  return {
    "slipway.schema.json": `${JSON.stringify(schema, null, 2)}\n`,
    "slipway-yaml.md": sources.projectReference(schema),
    "platform.schema.json": `${JSON.stringify(platform, null, 2)}\n`,
    "platform-yaml.md": sources.platformReference(platform),
    "access.md": await accessPage(sources, [
      ...Object.keys({ ...FEATURES, ...MORE_ROUTES }).map((name) => sources[name]),
      (app, deps) => sources.mlflowRoutes(app, sources.workspaceRoutes(deps), deps),
      (app, deps) => sources.mlflowRoutes(app, sources.webhookRoutes(deps), deps),
      sources.openApiRoute,
    ]),
    "errors.md": errorsPage(sources.CATALOGUE),
    "metrics.md": metricsPage(sources.METRICS),
    "cli.md": cliPage(
      sources.buildProgram(invocation, {}, terminal, () => undefined),
      sources.EXIT,
    ),
    "api.md": apiPage(openApi),
    "openapi.json": `${JSON.stringify(openApi, null, 2)}\n`,
  };
}

/** Whether the committed page says the same; JSON may be laid out in another way by the formatter. */
function isCurrent(name, wanted) {
  try {
    const text = readFileSync(join(folder, name), "utf8");
    return name.endsWith(".json")
      ? JSON.stringify(JSON.parse(text)) === JSON.stringify(JSON.parse(wanted))
      : text === wanted;
  } catch {
    return false;
  }
}

const wanted = await pages();
const stale = Object.keys(wanted).filter((name) => !isCurrent(name, wanted[name]));
if (process.argv.includes("--write")) {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) writeFileSync(join(folder, name), wanted[name]);
  console.log(stale.length === 0 ? "reference: nothing to write" : `reference: wrote ${stale.join(", ")}`);
} else {
  for (const name of stale) console.error(`docs/reference/${name} isn't what the sources say`);
  console.log(
    stale.length === 0
      ? "reference: as the sources say"
      : "reference: stale; run `node tools/reference.mjs --write`",
  );
  process.exitCode = stale.length === 0 ? 0 : 1;
}
