import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic, PASSWORD, startTenancy, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let rita: string;
let ben: string;

beforeAll(async () => {
  platform = await startTenancy();
  for (const name of ["red", "blue"]) await platform.ask("POST", "/tenants", { body: { name } });
  rita = await platform.person("rita", { red: "admin" });
  ben = await platform.person("ben", { blue: "admin", default: "viewer" });
});
afterAll(() => platform.close());

const HOST = "127.0.0.1";

async function signIn(to: string, headers: Record<string, string> = {}) {
  return platform.app.inject({
    method: "POST",
    url: "/login/password",
    headers: { host: HOST, "content-type": "application/x-www-form-urlencoded", ...headers },
    payload: new URLSearchParams({ name: "rita", password: PASSWORD, to }).toString(),
  });
}

describe("where a sign-in leads", () => {
  it.each([
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\thttps://evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/%0d%0aset-cookie:a=b",
    "/x\r\nset-cookie: stolen=1",
    "/x\u2028y",
    "/日本",
    "/.//evil.example",
    "/x/../..//evil.example",
    "",
    "/services/\0",
    "/".repeat(4_000),
  ])("is never another place: %j", async (to) => {
    const shown = await platform.app.inject({
      url: `/login?to=${encodeURIComponent(to)}`,
      headers: { host: HOST },
    });
    expect(shown.statusCode).toBe(302);
    for (const { statusCode, headers } of [shown, await signIn(to)]) {
      expect([302, 303]).toContain(statusCode);
      const location = new URL(String(headers.location), `http://${HOST}/login`);
      expect(location.host).toBe(HOST);
      expect(String(headers["set-cookie"] ?? "")).not.toContain("stolen");
    }
  });

  it.each([
    ["application/x-www-form-urlencoded", "x".repeat(20_000), 413],
    ["application/json", "{", 400],
    ["text/xml", "<a/>", 400],
    ["application/x-www-form-urlencoded", "%ff&name[]=a&__proto__=b&name=a&name=b", 401],
  ])("isn't asked by a form of %s that nobody sends: %.9s", async (type, payload, status) => {
    for (const url of ["/login/password", "/login/device"]) {
      const headers = { host: HOST, "content-type": type };
      const answer = await platform.app.inject({ method: "POST", url, headers, payload });
      expect(answer.statusCode, answer.body).toBe(status);
      expect(answer.headers["content-type"]).toContain("text/html");
    }
    expect(platform.defects).toEqual([]);
  });

  it("is shown on a page without being run", async () => {
    const to = '/"><script>alert(1)</script>';
    const { body, headers } = await platform.app.inject({
      url: `/login/password?to=${encodeURIComponent(to)}`,
      headers: { host: HOST },
    });
    expect(body).not.toContain("<script>");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
  });
});

describe("a browser's session", () => {
  let made = 0;
  let cookie: string;
  beforeAll(async () => {
    const answer = await signIn("/services");
    cookie = String(answer.headers["set-cookie"]).split(";", 1)[0] ?? "";
    expect(String(answer.headers["set-cookie"])).toMatch(/HttpOnly; SameSite=Lax/);
  });
  const create = (headers: Record<string, string>) =>
    platform.app.inject({
      method: "POST",
      url: "/api/2.0/mlflow/experiments/create",
      headers: { host: HOST, cookie, ...headers },
      payload: { name: `made ${(made += 1)}` },
    });

  it.each([
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "http://127.0.0.1.evil.example" },
    { origin: "http://127.0.0.1:8080" },
    { "sec-fetch-site": "cross-site" },
    { host: "evil.example", origin: "http://evil.example" },
  ])("isn't lent to a page that sends %j", async (headers: Record<string, string>) => {
    expect((await create(headers)).statusCode).toBe(403);
    const body = "name=x";
    const form = await platform.app.inject({
      method: "POST",
      url: "/logout",
      headers: { host: HOST, cookie, "content-type": "application/x-www-form-urlencoded", ...headers },
      payload: body,
    });
    expect(form.statusCode).toBe(403);
  });

  it("acts for its person alone, and only while no other credentials are given", async () => {
    expect((await create({ origin: `http://${HOST}` })).statusCode).toBe(200);
    expect((await create({ authorization: "Bearer slipway_wrong" })).statusCode).toBe(401);
    expect((await create({ authorization: "Bearer " })).statusCode).toBe(401);
    const value = cookie.split("=")[1] ?? "";
    for (const authorization of [`session ${value}`, `Bearer ${value}`, basic("rita", value)])
      expect((await create({ cookie: "", authorization })).statusCode).toBe(401);
    expect((await create({ cookie: `${cookie}x` })).statusCode).toBe(401);
  });

  it("isn't kept where somebody could read it from", async () => {
    const value = cookie.split("=")[1] ?? "";
    const rows = await platform.db.read((tx) => tx.all("SELECT * FROM sessions"));
    expect(JSON.stringify(rows)).not.toContain(value);
    const audit = await platform.ask("GET", "/audit?limit=1000");
    expect(JSON.stringify(audit.body)).not.toContain(value);
    expect(JSON.stringify(audit.body)).not.toContain(PASSWORD);
  });
});

describe("a narrowed token", () => {
  it.each([
    ["predict", 403, 403],
    ["git", 403, 403],
    ["read", 200, 200],
  ])("for %s sees of its person's tokens and of searches what it is for", async (scope, lists, searches) => {
    const made = await platform.ask("POST", "/tokens", { as: rita, body: { name: "n", scopes: [scope] } });
    const as = made.body.token as string;
    expect((await platform.ask("GET", "/tokens", { as })).status).toBe(lists);
    const body = { max_results: 1 };
    expect((await platform.ask("POST", "/api/2.0/mlflow/experiments/search", { as, body })).status).toBe(
      searches,
    );
    for (const [method, url] of [
      ["POST", "/api/2.0/mlflow/experiments/create"],
      ["POST", "/v1/traces"],
      ["PUT", "/api/2.0/mlflow-artifacts/artifacts/x/y"],
      ["POST", "/api/2.0/mlflow-artifacts/mpu/create/x"],
      ["POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y"],
      ["POST", "/api/3.0/mlflow/traces/tr-1/assessments"],
      ["POST", "/api/slipway/v1/tokens"],
      ["PUT", "/api/slipway/v1/people/rita/password"],
    ] as const) {
      const fields = url.endsWith("password") ? { password: "a b c d e f g h" } : { name: "x" };
      const { status } = await platform.ask(method, url, { as, body: fields });
      expect(status, `${method} ${url}`).toBe(403);
    }
    await platform.ask("DELETE", `/tokens/${made.body.id}`, { as: rita });
    expect((await platform.ask("GET", "/whoami", { as })).status).toBe(401);
  });
});

describe("a page token", () => {
  it("of one tenant's search shows another nothing of it", async () => {
    const mlflow = "/api/2.0/mlflow";
    const made = await platform.ask("POST", `${mlflow}/experiments/create`, {
      as: rita,
      body: { name: "secret-1" },
    });
    const experiment_ids = [made.body.experiment_id];
    for (let index = 0; index < 3; index++) {
      await platform.ask("POST", `${mlflow}/runs/create`, {
        as: rita,
        body: { experiment_id: experiment_ids[0], run_name: `secret-${index}`, start_time: index },
      });
      await platform.ask("POST", `${mlflow}/experiments/create`, {
        as: rita,
        body: { name: `secret-more-${index}` },
      });
      await platform.ask("POST", `${mlflow}/registered-models/create`, {
        as: rita,
        body: { name: `secret-model-${index}` },
      });
    }
    const searches: [string, string, object][] = [
      ["POST", "experiments/search", { max_results: 1 }],
      ["POST", "runs/search", { experiment_ids, max_results: 1 }],
      ["GET", "registered-models/search?max_results=1", {}],
    ];
    for (const [method, path, fields] of searches) {
      const first = await platform.ask(method, `${mlflow}/${path}`, {
        as: rita,
        ...(method === "POST" ? { body: fields } : {}),
      });
      const token = String(first.body.next_page_token);
      expect(token, path).not.toBe("undefined");
      const more = method === "POST" ? path : `${path}&page_token=${encodeURIComponent(token)}`;
      const stolen = await platform.ask(method, `${mlflow}/${more}`, {
        as: ben,
        workspace: "blue",
        ...(method === "POST" ? { body: { ...fields, page_token: token } } : {}),
      });
      expect(stolen.status, path).toBeLessThan(500);
      expect(JSON.stringify(stolen.body), path).not.toContain("secret");
    }
  });
});

describe("odd values", () => {
  const paths = () =>
    platform.app.accessRows.filter(
      ({ path }) => path.startsWith("/api/slipway/v1/") && !path.includes("login"),
    );
  const values = [
    "",
    " ",
    "maybe",
    "-1",
    "1e99",
    "99999999999999999999",
    "%00",
    "__proto__",
    "a".repeat(2_000),
  ];

  it("in queries and paths of our own API get an answer that is no defect", async () => {
    const names = [
      "all",
      "person",
      "tenant",
      "limit",
      "before",
      "since",
      "until",
      "actor",
      "action",
      "subject",
    ];
    for (const { method, path } of paths())
      for (const value of values) {
        const url = path.replaceAll(/:\w+/g, () => (value.trim() === "" ? "x" : encodeURIComponent(value)));
        // Each with each, over all routes.
        const asked = names.filter((_, index) => (index + values.indexOf(value)) % 5 === 0);
        for (const name of method === "GET" ? asked : ["x"]) {
          const body = method === "GET" || method === "DELETE" ? {} : { body: { [value]: value } };
          const { status } = await platform.ask(method, `${url}?${name}=${encodeURIComponent(value)}`, body);
          expect(status, `${method} ${url} ${name}=${value}`).toBeLessThan(500);
        }
      }
    expect(platform.defects).toEqual([]);
  });

  it("in bodies too", async () => {
    const odd = [
      null,
      true,
      -1,
      1e99,
      "",
      "a\0b",
      "\ud800",
      [],
      {},
      [[[]]],
      { a: { b: {} } },
      "x".repeat(100_000),
    ];
    const names =
      "name person tenant role scopes expiresInDays platformAdmin password current displayName disabled description client deviceCode";
    for (const { method, path } of paths().filter((row) => !["GET", "DELETE"].includes(row.method)))
      for (const value of odd) {
        const body = Object.fromEntries(names.split(" ").map((name) => [name, value]));
        const some = {
          name: "good-name",
          [["role", "scopes", "password"][odd.indexOf(value) % 3] ?? ""]: value,
        };
        for (const payload of [body, some]) {
          const { status, body: said } = await platform.ask(method, path.replaceAll(/:\w+/g, "nobody-here"), {
            body: payload,
          });
          expect(
            status,
            `${method} ${path} ${JSON.stringify(payload).slice(0, 300)}: ${JSON.stringify(said)}`,
          ).toBeLessThan(500);
        }
      }
    expect(platform.defects).toEqual([]);
  });
});
