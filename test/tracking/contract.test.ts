import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { workspaceRoutes } from "../../src/tenancy/workspace-routes.ts";
import { NOT_OFFERED } from "../../src/tracking/unsupported/not-offered.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import { startPlatform, type TestPlatform } from "./platform.ts";

type Rpc = [service: string, name: string, method: string, path: string, version: string];

/** Served to MLflow's pages only, or declared by no RPC. */
const NO_RPC = new Set([
  "GET /mlflow/gateway-proxy",
  "POST /mlflow/gateway-proxy",
  "POST /mlflow/runs/create-promptlab-run",
]);

let platform: TestPlatform;
let rpcs: Rpc[];
beforeAll(async () => {
  const script = fileURLToPath(new URL("../python/mlflow_rpcs.py", import.meta.url));
  const [started, { stdout }] = await Promise.all([
    startPlatform(),
    promisify(execFile)((ensurePython as () => string)(), [script], { maxBuffer: 4 * 1024 * 1024 }),
  ]);
  platform = started;
  rpcs = JSON.parse(stdout) as Rpc[];
});
afterAll(() => platform?.close());

/** With its parameters as `*`, whoever wrote it. */
const pattern = (path: string): string => path.replace(/\{[^}]+\}|<path:\w+>|:\w+/g, "*");
const notOffered = NOT_OFFERED.flatMap(({ routes }) =>
  routes.map((route) => pattern(route.replace(" ", " /mlflow/"))),
);
/** With the tenants' routes, which this platform goes without. */
const served = (): Set<string> => {
  const { db } = platform;
  const tenants = workspaceRoutes({ db, clock: systemClock, changed: async () => undefined });
  const rows = [
    ...platform.app.accessRows,
    ...tenants.map(({ method, path }) => ({ method, path: `/api/3.0/mlflow/${path}` })),
  ];
  return new Set(
    rows.map(
      ({ method, path }) => `${method} ${pattern(path.replace(/^\/api\/(?:\{2\.0,3\.0\}|[\d.]+)/, ""))}`,
    ),
  );
};

describe("the RPCs that the installed mlflow package declares", () => {
  it("are each served, or known not to be offered", () => {
    const known = served();
    const missing = rpcs.filter(([, , method, path]) => !known.has(`${method} ${pattern(path)}`));
    expect(missing.map(([, name, method, path]) => `${name}: ${method} ${path}`)).toEqual([]);
  });

  it("are all that is said not to be offered", () => {
    const declared = new Set(rpcs.map(([, , method, path]) => `${method} ${pattern(path)}`));
    expect(notOffered.filter((route) => !declared.has(route) && !NO_RPC.has(route))).toEqual([]);
  });

  it.each(notOffered)("%s answers that it isn't offered, in a way that no client repeats", async (route) => {
    const [method = "", path = ""] = route.replaceAll("*", "some").split(" ");
    const answer = await platform.app.inject({ method: method as "GET", url: `/api/3.0${path}` });
    expect(answer.statusCode).toBe(501);
    expect(answer.json()).toEqual({
      error_code: "NOT_IMPLEMENTED",
      message: expect.stringContaining("is not offered: ") as string,
    });
  });
});

describe("what MLflow's own pages ask for", () => {
  it.each(["GET", "POST"] as const)("%s /graphql isn't offered", async (method) => {
    const answer = await platform.app.inject({ method, url: "/graphql" });
    expect([answer.statusCode, answer.json()]).toMatchObject([501, { error_code: "NOT_IMPLEMENTED" }]);
  });

  it.each(["/ajax-api/3.0/mlflow/ui-telemetry", "/api/3.0/jobs/1", "/api/9.9/mlflow/runs/get"])(
    "%s is an address that nobody serves",
    async (url) => expect((await platform.app.inject({ method: "GET", url })).statusCode).toBe(404),
  );
});
