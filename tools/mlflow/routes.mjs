// The routes of MLflow's API that the sources serve, without a platform: they are registered, none is called.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** Every file that serves MLflow's calls, and what it exports for that. */
const FEATURES = {
  "src/tracking/routes.ts": "trackingRoutes",
  "src/registry/routes.ts": "registryRoutes",
  "src/registry/webhooks/create-webhooks.ts": null,
  "src/tenancy/create-tenancy.ts": null,
};
/** Lists of routes that a feature hands to the table when it is made. */
const LISTS = {
  webhookRoutes: "src/registry/webhooks/routes.ts",
  workspaceRoutes: "src/tenancy/workspace-routes.ts",
};
const FURTHER = {
  createApp: "src/http/server.ts",
  mlflowRoutes: "src/tracking/wire/routes.ts",
  NOT_OFFERED: "src/tracking/unsupported/not-offered.ts",
  MLFLOW_VERSION: "src/tracking/server-routes.ts",
};

/** With its parameters as `*`: two spellings of one route become one. */
export function pattern(path) {
  return path.replaceAll(/\{[^}]+\}|<path:\w+>|:\w+/g, "*");
}

/** `{ version, served, notOffered }`: sets of `METHOD path`, and the reasons by `METHOD path`. */
export async function mlflowRoutesOf(root) {
  refuseUnknown(root);
  const sources = await load(root);
  const app = await sources.createApp({ guard: () => null, logDefect: () => undefined, version: "" });
  for (const name of Object.values(FEATURES)) if (name) sources[name](app, anything());
  for (const name of Object.keys(LISTS))
    sources.mlflowRoutes(app, sources[name](anything()), () => undefined);
  await app.ready();
  const rows = app.accessRows
    .map(({ method, path }) => [method, path])
    .filter(([, path]) => /^\/(ajax-)?api\/(\{2\.0,3\.0\}|[23]\.0)\/mlflow(-artifacts)?\/(?!\*$)/.test(path))
    .map(([method, path]) => `${method} ${pattern(path.replace(/^\/(ajax-)?api\/[^/]+/, ""))}`);
  await app.close();
  const notOffered = new Map(
    sources.NOT_OFFERED.flatMap(({ reason, routes }) =>
      routes.map((route) => [pattern(route.replace(" ", " /mlflow/")), reason]),
    ),
  );
  return {
    version: sources.MLFLOW_VERSION,
    served: new Set(rows.filter((row) => !notOffered.has(row))),
    notOffered,
  };
}

/** A file that serves MLflow's calls and isn't named above would be left out of the table in silence. */
function refuseUnknown(root) {
  const serving = readdirSync(join(root, "src"), { recursive: true })
    .filter((name) => name.endsWith(".ts") && name !== join("tracking", "wire", "routes.ts"))
    .map((name) => join(root, "src", name))
    .filter((path) => /\bmlflowRoutes\(/.test(readFileSync(path, "utf8")))
    .map((path) => relative(root, path));
  const unknown = serving.filter((path) => !(path in FEATURES));
  if (unknown.length > 0)
    throw new Error(`${unknown.join(", ")} must be among FEATURES in tools/mlflow/routes.mjs`);
}

async function load(root) {
  const named = Object.entries(FEATURES).flatMap(([file, name]) => (name ? [[name, file]] : []));
  const exported = [...named, ...Object.entries(LISTS), ...Object.entries(FURTHER)];
  // Inside the clone, so that packages resolve; by process, so that two runs don't meet.
  const bundle = join(root, "node_modules", ".cache", `slipway-mlflow-${process.pid}.mjs`);
  await build({
    absWorkingDir: root,
    stdin: {
      contents: exported.map(([name, file]) => `export { ${name} } from "./${file}";`).join("\n"),
      resolveDir: root,
    },
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

/** Stands for whatever a feature is given: registering routes only passes it on. */
function anything() {
  return new Proxy(() => undefined, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => "" : anything()),
    apply: () => anything(),
    construct: () => anything(),
  });
}
