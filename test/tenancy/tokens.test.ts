import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic, PASSWORD, startTenancy, STEP, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let ana: string;
const time = 1_700_000_000_000;

beforeAll(async () => {
  platform = await startTenancy({
    clock: { now: () => time, sleep: () => new Promise<void>(() => undefined) },
  });
  await platform.ask("POST", "/tenants", { body: { name: "team-a" } });
  ana = await platform.person("ana", { "team-a": "admin", default: "viewer" });
});
afterAll(() => platform.close());

const make = (body: object, as?: string) =>
  platform.ask("POST", "/tokens", { body: { name: "t", ...body }, ...(as === undefined ? {} : { as }) });

describe("a token", () => {
  it("is 256 random bits behind a prefix, shown once and kept as its hash", async () => {
    const { status, body } = await make({ expiresInDays: 7 }, ana);
    expect(status).toBe(201);
    expect(body.token).toMatch(/^slipway_[\w-]{43}$/);
    expect(body).toMatchObject({
      person: "ana",
      scopes: null,
      expiresAt: time + 7 * 86_400_000,
      revokedAt: null,
    });
    const listed = await platform.ask("GET", "/tokens", { as: ana });
    expect(JSON.stringify(listed.body)).not.toContain(body.token);
    const rows = await platform.db.read((tx) => tx.all("SELECT * FROM tokens"));
    expect(JSON.stringify(rows)).not.toContain(body.token);
  });

  it("tells when it was last used, without a write for every request", async () => {
    const { body } = await make({}, ana);
    const lastUsed = async () =>
      (await platform.ask("GET", "/tokens", { as: ana })).body.tokens.find(
        (one: { id: string }) => one.id === body.id,
      ).lastUsedAt;
    for (let use = 0; use < 3; use++) await platform.ask("GET", "/whoami", { as: body.token });
    expect(await lastUsed()).toBeNull();
    await platform.tenancy.close();
    expect(await lastUsed()).toBe(time);
  });

  it.each([
    [["read"], 200, 403, 403],
    [["write"], 200, 200, 403],
    [["admin"], 200, 200, 200],
    [["predict"], 403, 403, 403],
    [["git"], 403, 403, 403],
    [["read", "git"], 200, 403, 403],
  ])("for %j reads, writes, manages as far", async (scopes, reads, writes, manages) => {
    const { token } = (await make({ scopes }, ana)).body;
    const experiments = "/api/2.0/mlflow/experiments";
    const ask = (method: string, url: string, body?: object) =>
      platform
        .ask(method, url, { as: token, workspace: "team-a", ...(body ? { body } : {}) })
        .then(({ status }) => status);
    expect([
      await ask("GET", `${experiments}/search?max_results=1`),
      await ask("POST", `${experiments}/create`, { name: `by ${scopes.join()}` }),
      await ask("GET", "/tenants/team-a/members"),
    ]).toEqual([reads, writes, manages]);
  });

  it("of a machine has one role in one tenant", async () => {
    const { token } = (await make({ tenant: "team-a", role: "member" }, ana)).body;
    expect((await platform.ask("GET", "/whoami", { as: token })).body).toMatchObject({
      name: "token/t",
      roles: { "team-a": "member" },
      platformAdmin: false,
    });
    const created = await platform.ask("POST", "/api/2.0/mlflow/experiments/create", {
      as: token,
      body: { name: "by a machine" },
    });
    expect(created.status).toBe(200);
    expect((await platform.ask("GET", "/tenants/team-a/members", { as: token })).status).toBe(403);
    expect((await platform.ask("GET", "/tokens?tenant=team-a", { as: ana })).body.tokens).toHaveLength(1);
  });

  it("follows its owner's roles", async () => {
    const bob = await platform.person("bob", { "team-a": "viewer" });
    const see = () => platform.ask("GET", "/tenants/team-a", { as: bob }).then(({ status }) => status);
    expect(await see()).toBe(200);
    await platform.ask("DELETE", "/tenants/team-a/members/bob");
    expect(await see()).toBe(404);
  });

  it("ends when its owner or its tenant goes", async () => {
    const carl = await platform.person("carl", { "team-a": "viewer" });
    await platform.ask("DELETE", "/people/carl");
    expect((await platform.ask("GET", "/whoami", { as: carl })).status).toBe(401);
    await platform.person("carl", { "team-a": "viewer" });
    expect((await platform.ask("GET", "/whoami", { as: carl })).status).toBe(401);
    await platform.ask("POST", "/tenants", { body: { name: "brief" } });
    const { token } = (await make({ tenant: "brief", role: "admin" })).body;
    expect((await platform.ask("DELETE", "/tenants/brief")).status).toBe(204);
    expect((await platform.ask("GET", "/whoami", { as: token })).status).toBe(401);
  });

  it("is revoked by its owner, by itself and by nobody else", async () => {
    const mine = (await make({ scopes: ["read"] }, ana)).body;
    const dora = await platform.person("dora", { "team-a": "admin" });
    const revoke = (as: string) =>
      platform.ask("DELETE", `/tokens/${mine.id}`, { as }).then(({ status }) => status);
    expect(await revoke(dora)).toBe(404);
    expect(await revoke(mine.token)).toBe(204);
    expect((await platform.ask("GET", "/whoami", { as: mine.token })).status).toBe(401);
    expect(await revoke(ana)).toBe(204);
  });
});

describe("nobody makes a token that can do more than its maker", () => {
  it.each([
    ["a narrowed one another", ["read"], { scopes: ["read"] }, "SCOPE_MISSING"],
    ["an admin's scope one for everything", ["admin"], {}, "SCOPE_MISSING"],
    ["an admin's scope one for predictions", ["admin"], { scopes: ["predict"] }, "SCOPE_MISSING"],
    [
      "a member of a tenant one for its machines",
      null,
      { tenant: "default", role: "viewer" },
      "ACCESS_DENIED",
    ],
    ["a person another's", null, { person: "bob" }, "ACCESS_DENIED"],
    ["a person one for everything", null, { platformAdmin: true }, "ACCESS_DENIED"],
    ["an admin one of two kinds", null, { tenant: "team-a", role: "viewer", person: "ana" }, "TOKEN_INVALID"],
    ["an admin half a one", null, { tenant: "team-a" }, "TOKEN_INVALID"],
  ])("%s", async (_, scopes, body, code) => {
    const as = scopes === null ? ana : (await make({ scopes }, ana)).body.token;
    expect((await make(body, as)).body.error.code).toBe(code);
  });

  it("a step makes none, and the platform's own token says whose", async () => {
    expect((await make({}, STEP)).body.error.code).toBe("TOKEN_INVALID");
    expect((await make({})).body.error.code).toBe("TOKEN_INVALID");
    expect((await make({ person: "nobody-here" })).body.error.code).toBe("PERSON_NOT_FOUND");
    expect((await make({ tenant: "nowhere", role: "viewer" })).status).toBe(404);
  });

  it.each([
    [{ expiresInDays: 0 }],
    [{ expiresInDays: -1 }],
    [{ scopes: [] }],
    [{ scopes: ["all"] }],
    [{ name: "" }],
  ])("refuses %j", async (body) => expect((await make(body, ana)).status).toBe(400));
});

describe("serve is told", () => {
  it("the tokens that may ask for predictions, at every change", async () => {
    const list = () => new Map(platform.admitted.at(-1)?.map(({ id, tenants }) => [id, tenants]));
    const made = async (body: object, as?: string) => (await make(body, as)).body.id as string;
    const [whole, narrow] = [await made({}, ana), await made({ scopes: ["predict"] }, ana)];
    const reads = await made({ scopes: ["read"] }, ana);
    const elsewhere = await made({ tenant: "team-a", role: "admin" });
    const machine = await made({ tenant: "default", role: "viewer", scopes: ["predict"] });
    const root = await made({ platformAdmin: true });
    for (const own of [whole, narrow]) expect(list().get(own)).toContain("default");
    expect(list().get(machine)).toEqual(["default"]);
    expect(list().get(elsewhere)).toEqual(["team-a"]);
    expect(list().get(root)).toBeNull();
    expect(list().has(reads)).toBe(false);
    await platform.ask("DELETE", "/tenants/default/members/ana");
    for (const own of [whole, narrow]) expect(list().get(own) ?? []).not.toContain("default");
    await platform.ask("DELETE", `/tokens/${machine}`);
    expect(list().has(machine)).toBe(false);
  });
});

describe("a password", () => {
  it.each([["short"], ["aaaaaaaaaaaaaaa"], ["erins-password"], ["x".repeat(1025)]])(
    "isn't %s",
    async (password) => {
      const { status } = await platform.ask("POST", "/people", { body: { name: "erin", password } });
      expect(status).toBe(400);
    },
  );

  it("is set by its person, who knows the one of now, and ends sessions", async () => {
    const frank = await platform.person("frank", { "team-a": "viewer" });
    const set = (body: object) => platform.ask("PUT", "/people/frank/password", { as: frank, body });
    const next = "an entirely new one";
    expect((await set({ password: next })).status).toBe(400);
    expect((await set({ password: next, currentPassword: "wrong" })).status).toBe(401);
    expect((await set({ password: next, currentPassword: PASSWORD })).status).toBe(204);
    const by = (password: string) =>
      platform
        .ask("GET", "/whoami", { authorization: basic("frank", password) })
        .then(({ status }) => status);
    expect([await by(PASSWORD), await by(next)]).toEqual([401, 200]);
  });

  it("is kept as scrypt", async () => {
    const row = await platform.db.read((tx) =>
      tx.get<{ password_hash: string }>("SELECT password_hash FROM people WHERE name = 'ana'"),
    );
    expect(row?.password_hash).toMatch(/^scrypt\$10\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  });
});
