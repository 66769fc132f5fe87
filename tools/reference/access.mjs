// docs/reference/access.md: the authorisation table, from the routes themselves. Routes are registered, none is called.

const HEAD = `# Who may call what

Every route of every API asks one thing of its caller; a route without its row doesn't start. People and tokens, roles
and scopes: [guides/people-and-tokens.md](../guides/people-and-tokens.md).

| access | who | scope of a narrowed token |
|---|---|---|
| \`open\` | anybody: the route holds no data | |
| \`signed-in\` | any caller; what it shows is the caller's own | |
| \`read\` | viewers of the tenant | \`read\` |
| \`predict\` | viewers of the service's tenant, by a token | \`predict\` |
| \`write\` | members of the tenant | \`write\` |
| \`admin\` | admins of the tenant | \`admin\` |
| \`platform\` | platform admins | \`admin\` |

The tenant is the default one; or the *request's*: the header \`X-MLFLOW-WORKSPACE\`, else the caller's only tenant, else
the default one; or the one in the *path*; or the *owner* of what the address names, which to anybody else isn't there.

Made from the routes by \`node tools/reference.mjs --write\`.
`;

/** Answered by the process at the public address, by the list of tokens that it was told. */
const SERVE = [
  [
    "GET",
    "/v2/health/live, /v2/health/ready, /health/live, /ready, /ready/…, /ping, /endpoints/…/ping",
    "open",
    "",
  ],
  ["GET", "/v2, /v2/models, /v2/models/…, /v1/models, /v1/models/…", "predict", "the owner"],
  ["POST", "/v2/models/…/infer, /v1/models/…:predict", "predict", "the owner"],
  ["POST", "/endpoints/…/invocations, /invocations", "predict", "the owner"],
  ["POST", "/v2/repository/index, /v2/repository/models/…/load, …/unload", "predict", "the owner"],
];

/** What control hands on to that process. */
const PREDICTIONS = /^\/(v1\/\*|v2.*|endpoints\/\*|invocations|ping|ready.*)$/;

/** Stands for whatever a route's dependencies are: nothing is called that would need a real one. */
const anything = new Proxy(function () {}, {
  get: (_, key) => (key === "then" || key === Symbol.iterator ? undefined : anything),
  apply: () => anything,
});

/** The page. `groups`: functions that add routes to an application, given their dependencies. */
export async function accessPage({ createApp }, groups) {
  // Never closed: nothing listens, and what would be closed isn't there.
  const app = await createApp({ guard: () => null, logDefect: () => undefined, version: "" });
  for (const add of groups) add(app, anything);
  await app.ready();
  const rows = app.accessRows
    .filter(({ path, method }) => method !== "HEAD" && !PREDICTIONS.test(path))
    .map(({ method, path, access, tenantFrom, scope }) => [
      method,
      path,
      access + (scope === undefined ? "" : ` (scope \`${scope}\`)`),
      access === "open" || access === "signed-in" || access === "platform" ? "" : tenantOf(tenantFrom),
    ]);
  const lines = [...rows, ...SERVE]
    .sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([method, path, access, tenant]) => `| ${method} | \`${path}\` | ${access} | ${tenant} |\n`);
  return `${HEAD}\n| method | route | access | tenant |\n|---|---|---|---|\n${[...new Set(lines)].join("")}`;
}

function tenantOf(from) {
  return { default: "default", request: "the request's", path: "the path's", owner: "the owner" }[from];
}
