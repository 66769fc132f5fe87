import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INFER, PREDICTION, SUMMANDS as BODY, startAdder, type AdderPlatform } from "./adder.ts";
import { newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { request, wire } from "./wire.ts";

const LIVE = "GET /v2/health/live HTTP/1.1";
const VERSION = "GET /version HTTP/1.1";
const CREATE = "POST /api/2.0/mlflow/runs/create HTTP/1.1";

describe("requests that mean no good", () => {
  let platform: AdderPlatform;
  let url: string;
  beforeAll(async () => {
    platform = await startAdder("requests");
    ({ url } = platform);
  });
  // After all of it the platform still serves, and none of its logs tells of a defect.
  afterAll(() => platform.checkAndStop());

  describe("other names for this machine, and pages of other origins", () => {
    const doors: [string, string, string?][] = [
      ["predictions", INFER, BODY],
      ["tracking", CREATE, "{}"],
      ["our API", "GET /api/slipway/v1/services HTTP/1.1"],
      ["git", "GET /git/adder.git/info/refs?service=git-upload-pack HTTP/1.1"],
      ["artifacts", "GET /api/2.0/mlflow-artifacts/artifacts HTTP/1.1"],
    ];
    test.each(doors)("%s", async (_name, line, body) => {
      for (const host of [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.evil.example",
        "localhost.evil.example:80",
        "evil@127.0.0.1",
        "",
      ])
        expect((await wire(url, [request(line, { host }, body)])).text, host).toMatch(
          /HOST_REFUSED|PERMISSION_DENIED.*answer to that host name/,
        );
      for (const origin of [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://127.0.0.1.evil.example",
      ])
        expect((await wire(url, [request(line, { origin }, body)])).text, origin).toMatch(
          /ORIGIN_REFUSED|PERMISSION_DENIED.*another origin may not/,
        );
    });

    test("none of it is let in behind a request that was", async () => {
      for (const first of [PREDICTION, request(VERSION)]) {
        const heard = await wire(url, [first, request(CREATE, { host: "evil.example" }, "{}")], {
          answers: 2,
        });
        expect(heard.statuses).toEqual([200, 403]);
        const infer = await wire(url, [first, request(INFER, { origin: "http://evil.example" }, BODY)], {
          answers: 2,
        });
        expect(infer.statuses).toEqual([200, 403]);
      }
    });
  });

  describe("paths that lead elsewhere", () => {
    const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";
    test.each([
      "/../../etc/passwd",
      "/a/../../../etc/passwd",
      "/%2e%2e/%2e%2e/slipway.db",
      "/%252e%252e/slipway.db",
      "/%25252e%25252e/slipway.db",
      "/..%2fslipway.db",
      "//etc/passwd",
      "/%2fetc%2fpasswd",
      "/a%00b",
      "/..%5cslipway.db",
      "/C:%5cx",
      "/%c0%ae%c0%ae/slipway.db",
    ])("artifacts%s", async (path) => {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const heard = await wire(url, [
          request(`${method} ${ARTIFACTS}${path} HTTP/1.1`, {}, method === "PUT" ? "x" : undefined),
        ]);
        expect(heard.statuses).toEqual([400]);
      }
    });

    test.each(["..", "%2e%2e", "%252e%252e", "/etc", "a/../.."])("a listing of %s", async (path) => {
      expect((await fetch(`${url}${ARTIFACTS}?path=${path}`)).status).toBe(400);
    });

    test.each([
      "/../slipway.db",
      "/..%2fx.git/HEAD",
      "/.git/hooks",
      "/adder.git/hooks/pre-receive",
      "/adder.git/config",
      "/adder.git/objects/../config",
      "/%2e%2e/x.git/HEAD",
    ])("git%s", async (path) => {
      const heard = await wire(url, [request(`GET /git${path} HTTP/1.1`)]);
      expect(heard.text).toMatch(/NOT_FOUND|GIT_NAME_INVALID/);
      expect([400, 404]).toContain(heard.statuses[0]);
      expect((await wire(url, [request(`PUT /git${path} HTTP/1.1`, {}, "x")])).statuses).toEqual([404]);
    });

    test.each(["UPPER", "a_b", "-x", "a".repeat(300), "..", ".git", "a%2Fb", "%E6%97%A5"])(
      "a push to %s.git",
      async (name) => {
        const heard = await wire(url, [
          request(`GET /git/${name}.git/info/refs?service=git-receive-pack HTTP/1.1`),
        ]);
        expect([400, 404]).toContain(heard.statuses[0]);
        expect(heard.text).not.toMatch(/\n {4}at /);
        expect(readdirSync(join(platform.dataDir, "git")).sort()).toEqual(
          expect.arrayContaining(["adder.git", "environment.git"]),
        );
        expect(existsSync(join(platform.dataDir, "git", `${name}.git`))).toBe(false);
      },
    );

    test.each(["..", "a/b", "%2e%2e%2fadder", "a b", "日本", "__proto__", "constructor", "adder%00", "%zz"])(
      "a model named %s",
      async (name) => {
        const path = name.includes("%") ? name : encodeURIComponent(name);
        for (const address of [`/v2/models/${path}/infer`, `/v1/models/${path}:predict`]) {
          const heard = await wire(url, [request(`POST ${address} HTTP/1.1`, {}, BODY)]);
          expect(heard.statuses[0]).toBe(404);
          expect(heard.text).toContain('"error"');
        }
      },
    );
  });

  test("what hooks say to control can't be said from outside", async () => {
    const body = JSON.stringify({ repository: "adder", updates: [] });
    for (const path of ["/hooks/pre-receive", "/pre-receive", "/post-receive", "/hook/pre-receive"])
      expect((await wire(url, [request(`POST ${path} HTTP/1.1`, {}, body)])).statuses).toEqual([404]);
  });

  describe("too much, or too deep", () => {
    const post = async (path: string, body: string) => {
      const answer = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      return { status: answer.status, text: await answer.text() };
    };
    const deep = (open: string, middle: string, close: string) =>
      open.repeat(100_000) + middle + close.repeat(100_000);
    const LABELS = "/api/slipway/v1/services/adder/labels";

    test("labels: 10,000 are taken, one more is refused whole, 30 MiB aren't read", async () => {
      const labels = (count: number) =>
        JSON.stringify({ labels: Array.from({ length: count }, (_, i) => ({ id: `x${i}`, label: 1 })) });
      expect(await post(LABELS, labels(10_000))).toMatchObject({ status: 200 });
      const more = await post(LABELS, labels(10_001));
      expect(more).toMatchObject({ status: 413 });
      expect(more.text).toMatch(/TOO_LARGE.*10000/);
      expect(await post(LABELS, "x".repeat(30 * 1024 * 1024))).toMatchObject({ status: 413 });
    });

    test.each([
      ["labels", LABELS, `{"labels":${deep("[", "", "]")}}`],
      ["labels, unfinished", LABELS, "[".repeat(100_000)],
      ["a tracking run", "/api/2.0/mlflow/runs/create", `{"experiment_id":${deep("[", "", "]")}}`],
      ["a tracking run's tags", "/api/2.0/mlflow/runs/create", `{"tags":${deep('{"a":', "1", "}")}}`],
      [
        "a filter",
        "/api/2.0/mlflow/runs/search",
        JSON.stringify({ experiment_ids: ["0"], filter: "(".repeat(19_000) }),
      ],
      ["a prediction", "/v2/models/adder/infer", `{"inputs":${deep("[", "", "]")}}`],
      ["a prediction's data", "/v2/models/adder/infer", BODY.replace("[1,2]}", `${deep("[", "", "]")}}`)],
    ])("%s that is deep gets 400", async (_name, path, body) => {
      const { status, text } = await post(path, body);
      expect(status).toBe(400);
      expect(text.length).toBeLessThan(2_000);
      expect(text).not.toContain("call stack");
    });

    test("a body that is given up half-read doesn't hold up the next request on its connection", async () => {
      const big = "x".repeat(4 * 1024 * 1024);
      const refused: [string, string][] = [
        ["PUT /api/2.0/mlflow-artifacts/artifacts/../x HTTP/1.1", "400"],
        ["PUT /api/2.0/mlflow-artifacts/artifacts/a/b HTTP/1.1", "200"],
        ["PUT /api/2.0/mlflow-artifacts/artifacts/a HTTP/1.1", "400"],
        ["POST /api/2.0/mlflow/runs/create HTTP/1.1", "400"],
        ["POST /api/slipway/v1/services/adder/labels HTTP/1.1", "400"],
      ];
      for (const before of [request(VERSION), request(LIVE)])
        for (const [line, status] of refused) {
          const parts = [before, request(line, {}, big), request(VERSION), PREDICTION];
          const heard = await wire(url, parts, { answers: 4 });
          expect(heard.statuses.map(String), line).toEqual(["200", status, "200", "200"]);
        }
    });

    test("a prediction of 40 MiB gets 413, declared or in chunks", async () => {
      const { status, text } = await post("/v2/models/adder/infer", "x".repeat(40 * 1024 * 1024));
      expect(status).toBe(413);
      expect(text).toContain("serving.maxBody");
      const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
      const heard = await wire(url, [
        request(INFER, { "transfer-encoding": "chunked" }),
        ...Array.from({ length: 20 }, () => chunk),
      ]);
      expect(heard.statuses).toEqual([413]);
    });
  });
});

describe("a platform that others can reach", () => {
  const data = newFolder("reachable");
  let platform: TestPlatform & { token?: string };
  let url: string;
  beforeAll(async () => {
    platform = await startPlatform(data, 0, {}, ["--host", "0.0.0.0"]);
    url = `http://127.0.0.1:${new URL(platform.url).port}`;
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
  });

  test.each([
    "/v2",
    "/v2/models/x/infer",
    "/v1/models/x:predict",
    "/metrics",
    "/api/slipway/v1/services",
    "/api/2.0/mlflow/experiments/search",
    "/ajax-api/2.0/mlflow/runs/search",
    "/api/2.0/mlflow-artifacts/artifacts",
    "/git/a.git/info/refs?service=git-receive-pack",
    "/git/environment.git/info/refs?service=git-upload-pack",
    "/nothing",
  ])("%s needs the token", async (path) => {
    const token = platform.token ?? "";
    expect(token).toMatch(/^slipway_/);
    const hash = createHash("sha256").update(token).digest("hex");
    for (const authorization of [
      undefined,
      "Bearer wrong",
      "Bearer ",
      `Bearer ${hash}`,
      `Bearer ${token}x`,
      `Basic ${Buffer.from(token).toString("base64")}`,
      `Digest ${token}`,
    ]) {
      const heard = await wire(url, [
        request(`GET ${path} HTTP/1.1`, authorization === undefined ? {} : { authorization }),
      ]);
      expect(heard.statuses, `${path} with ${authorization}`).toEqual([401]);
      expect(heard.text).toMatch(/TOKEN_REQUIRED|CREDENTIALS_REFUSED|UNAUTHENTICATED/);
    }
    const open = await wire(url, [request(`GET ${path} HTTP/1.1`, { authorization: `Bearer ${token}` })]);
    expect(open.statuses[0]).not.toBe(401);
  });

  test.each(["/v2/health/live", "/v2/health/ready", "/health", "/version"])(
    "%s is for whoever looks after it",
    async (path) => expect((await wire(url, [request(`GET ${path} HTTP/1.1`)])).statuses).toEqual([200]),
  );

  test("the token of one request isn't lent to the next on its connection", async () => {
    const authorization = `Bearer ${platform.token}`;
    const lines = ["GET /v2 HTTP/1.1", "GET /api/slipway/v1/info HTTP/1.1"];
    for (const first of lines)
      for (const second of lines) {
        const heard = await wire(url, [request(first, { authorization }), request(second)], { answers: 2 });
        expect(heard.statuses).toEqual([200, 401]);
      }
  });
});
