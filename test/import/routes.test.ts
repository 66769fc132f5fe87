import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTenancy, type TenancyPlatform } from "../tenancy/platform.ts";

const IMPORTS = "/api/slipway/v1/imports";
const RUN = "ab".repeat(16);
let platform: TenancyPlatform;
let redAdmin: string;
let blueAdmin: string;
/** Of red. */
let base: string;
let experimentId: string;

const experiment = { id: "77", name: "churn", stage: "active", createdAt: 5, updatedAt: 6, tags: [] };
const run = (id: string, fields: object = {}): object => ({
  runs: [
    {
      id,
      experimentId,
      name: "a run",
      user: "ana",
      status: "FINISHED",
      startedAt: 1,
      endedAt: 2,
      stage: "active",
      params: [{ key: "depth", value: "6" }],
      tags: [{ key: "note", value: "x" }],
      datasets: [],
      modelInputs: [],
      modelOutputs: [],
      ...fields,
    },
  ],
});
const version = (source: string): object => ({
  version: 4,
  description: "",
  user: "",
  stage: "None",
  source,
  files: null,
  runId: "",
  runLink: "",
  modelId: "",
  status: "READY",
  createdAt: 1,
  updatedAt: 2,
  tags: [],
});
const model = (source: string): object => ({
  name: "m",
  description: "",
  createdAt: 1,
  updatedAt: 2,
  tags: [],
  aliases: [],
  versions: [version(source)],
});

beforeAll(async () => {
  platform = await startTenancy();
  for (const name of ["crimson", "blue"])
    await platform.ask("POST", "/api/slipway/v1/tenants", { body: { name } });
  redAdmin = await platform.person("rita", { crimson: "admin" });
  blueAdmin = await platform.person("ben", { blue: "admin" });
  const begun = await platform.ask("POST", IMPORTS, { as: redAdmin, body: { source: "http://old:5000" } });
  expect(begun.body).toMatchObject({ tenant: "crimson" });
  base = `${IMPORTS}/${begun.body.id}`;
  const brought = await post("experiments", experiment);
  expect(brought.body).toEqual({ experimentId: "77", how: "kept" });
  ({ experimentId } = brought.body);
  expect((await post("runs", run(RUN))).status).toBe(200);
});
afterAll(() => platform.close());

const post = (path: string, body: object, as = redAdmin) =>
  platform.ask("POST", `${base}/${path}`, { as, body });
const read = (path: string, as = redAdmin) => platform.ask("GET", `/api/2.0/mlflow/${path}`, { as });

describe("who may import", () => {
  it("asks for an admin of the tenant", async () => {
    const member = await platform.person("max", { crimson: "member" });
    expect((await post("experiments", experiment, member)).status).toBe(403);
    expect((await platform.ask("POST", IMPORTS, { as: member, body: { source: "x" } })).status).toBe(403);
  });

  it("knows an import only within its tenant", async () => {
    for (const path of ["experiments", "known", "done", "check", "end"]) {
      const { status } = await post(path, {}, blueAdmin);
      expect([path, status]).toEqual([path, 404]);
    }
    expect((await platform.ask("GET", IMPORTS, { as: blueAdmin })).body).toEqual({
      tenant: "blue",
      imports: [],
    });
  });

  it("takes no id of another tenant's, and touches nothing of it", async () => {
    const begun = await platform.ask("POST", IMPORTS, { as: blueAdmin, body: { source: "http://old:5000" } });
    const blue = `${IMPORTS}/${begun.body.id}`;
    const mapped = await platform.ask("POST", `${blue}/experiments`, { as: blueAdmin, body: experiment });
    expect(mapped.body).toMatchObject({ how: "mapped" });
    const body = run(RUN, { name: "stolen", experimentId: mapped.body.experimentId });
    const taken = await platform.ask("POST", `${blue}/runs`, { as: blueAdmin, body });
    expect(taken.body).toMatchObject({ error: { code: "IMPORT_CONFLICT" } });
    const foreign = await platform.ask("POST", `${blue}/runs`, { as: blueAdmin, body: run("cd".repeat(16)) });
    expect(foreign.status).toBe(404);
    expect((await read(`runs/get?run_id=${RUN}`)).body.run.info.run_name).toBe("a run");
  });
});

describe("what may be brought", () => {
  it("changes nothing when the same comes again", async () => {
    const before = (await read(`runs/get?run_id=${RUN}`)).body;
    await post("runs", run(RUN));
    await post("experiments", experiment);
    expect((await read(`runs/get?run_id=${RUN}`)).body).toEqual(before);
  });

  it("keeps integers beyond 2^53, NaN and the sign of a step", async () => {
    const points = [
      ["1700000000000", "9007199254740993", 1],
      [1, -5, "NaN"],
    ];
    expect((await post("metrics", { runId: RUN, histories: [{ key: "m", points }] })).status).toBe(400);
    points[0] = ["9007199254740995", "9007199254740993", 1];
    expect((await post("metrics", { runId: RUN, histories: [{ key: "m", points }] })).status).toBe(200);
    const answer = await platform.app.inject({
      url: `/api/2.0/mlflow/metrics/get-history?run_id=${RUN}&metric_key=m`,
      headers: { authorization: `Bearer ${redAdmin}`, host: "127.0.0.1" },
    });
    expect(answer.body).toContain('"timestamp":9007199254740995,"step":9007199254740993');
    expect(answer.body).toContain('"value":"NaN","timestamp":1,"step":-5');
  });

  it("doesn't note a run as done of which less is here than was sent", async () => {
    const facts = { count: 9, digest: "1" };
    const item = {
      kind: "run",
      id: RUN,
      fingerprint: "f",
      facts: { params: facts, tags: facts, points: facts },
    };
    expect((await post("done", item)).body).toMatchObject({ error: { code: "IMPORT_MISMATCH" } });
    expect((await post("known", { kind: "run", ids: [RUN] })).body).toEqual({ items: [] });
  });

  it.each([
    "file:///etc/passwd",
    "/etc/passwd",
    "mlflow-artifacts:/workspaces/blue/1/x",
    "mlflow-artifacts:/../blue/x",
    "mlflow-artifacts:/workspaces/crimson/%2e%2e/blue",
  ])("refuses a version from %s", async (source) => {
    expect((await post("registered-models", model(source))).status).toBe(400);
  });

  it.each([
    ["experiments", { ...experiment, name: "a\0b" }],
    ["experiments", { ...experiment, name: "\ud800" }],
    ["experiments", { ...experiment, createdAt: 1e300 }],
    ["experiments", { ...experiment, more: 1 }],
    ["runs", { runs: [{}] }],
    ["runs", { runs: "x" }],
    ["metrics", { runId: RUN, histories: [{ key: "m", points: [[1, 1.5, 1]] }] }],
    ["traces", { traces: [{ info: { trace_id: "../x" }, spans: [] }] }],
    ["traces", { traces: [{ info: JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`), spans: [] }] }],
    ["known", { kind: "users", ids: [] }],
    ["check", { kind: "run", after: 5 }],
  ])("refuses what isn't as it must be: %s", async (path, body) => {
    const { status } = await post(path, body);
    expect(status).toBe(400);
  });
});

describe("files", () => {
  const put = async (path: string, body: string, headers: Record<string, string> = {}) =>
    platform.app.inject({
      method: "PUT",
      url: `${base}/files/run/${RUN}/${path}`,
      headers: {
        authorization: `Bearer ${redAdmin}`,
        host: "127.0.0.1",
        "content-type": "application/json",
        ...headers,
      },
      payload: body,
    });
  const files = async () =>
    (await platform.ask("GET", `${base}/files/run/${RUN}`, { as: redAdmin })).body.files;

  it("keeps a file as it comes, and says its checksum", async () => {
    const answer = await put("model/a%20b.json", "{not json", { "x-slipway-size": "9" });
    expect(answer.json()).toMatchObject({ size: 9, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await files()).toMatchObject([{ path: "model/a b.json", size: 9 }]);
  });

  it("keeps nothing of a file that ended too soon", async () => {
    expect((await put("half.bin", "12345", { "x-slipway-size": "9" })).statusCode).toBe(409);
    expect(await files()).toHaveLength(1);
  });

  it.each(["..%2f..%2fx", "%2e%2e/x", "a/%252e%252e/b", "a%5cb", "%2fetc%2fpasswd"])(
    "refuses the path %s",
    async (path) => {
      expect((await put(path, "x")).statusCode).toBeGreaterThanOrEqual(400);
      expect((await put(path, "x")).statusCode).toBeLessThan(500);
      expect(await files()).toHaveLength(1);
    },
  );

  it("notices at the end what is missing", async () => {
    const { body } = await post("check", { kind: "file" });
    expect(body).toEqual({ checked: 1, bytes: 9, missing: [] });
    await platform.ask("DELETE", `/api/2.0/mlflow-artifacts/artifacts/77/${RUN}/artifacts/model/a%20b.json`, {
      as: redAdmin,
    });
    expect((await post("check", { kind: "file" })).body.missing).toEqual([`run ${RUN}: model/a b.json`]);
    expect(await files()).toEqual([]);
    expect(platform.defects).toEqual([]);
  });
});
