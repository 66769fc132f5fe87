import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIENT, startProvider, type TestProvider } from "./oidc-provider.ts";
import { startTenancy, type TenancyPlatform } from "./platform.ts";

const HOST = "127.0.0.1:4600";

let provider: TestProvider;
let platform: TenancyPlatform;

beforeAll(async () => {
  provider = await startProvider(() => [`http://${HOST}/login/callback`]);
  platform = await startTenancy({
    more: {
      oidc: {
        issuer: provider.issuer,
        clientId: CLIENT.client_id,
        clientSecret: CLIENT.client_secret,
        groupsClaim: "groups",
        scopes: ["groups"],
        grants: [
          { group: "ml", tenant: "default", role: "member" },
          { group: "ml-leads", tenant: "default", role: "admin" },
          { group: "root", isPlatformAdmin: true },
        ],
      },
    },
  });
});
afterAll(async () => {
  await platform.close();
  await provider.close();
});

const get = (url: string, cookie = "") =>
  platform.app.inject({
    url,
    headers: { host: HOST, accept: "text/html", ...(cookie === "" ? {} : { cookie }) },
  });
const post = (url: string, cookie: string, fields: Record<string, string>, origin = `http://${HOST}`) =>
  platform.app.inject({
    method: "POST",
    url,
    headers: { host: HOST, origin, cookie, "content-type": "application/x-www-form-urlencoded" },
    payload: new URLSearchParams(fields).toString(),
  });

function cookiesOf(answer: { headers: Record<string, unknown> }): string[] {
  const set = answer.headers["set-cookie"];
  return (Array.isArray(set) ? set : [set]).filter((line) => typeof line === "string");
}

const pair = (line: string | undefined) => line?.split(";", 1)[0] ?? "";

/** A browser that signs in; answers its session's cookie and where it was sent. */
async function browser(account: string, to = "/services/x") {
  const begun = await get(`/login?to=${encodeURIComponent(to)}`);
  const back = await provider.signIn(String(begun.headers.location), account);
  const { pathname, search } = new URL(back);
  const pending = pair(cookiesOf(begun)[0]);
  const done = await get(`${pathname}${search}`, pending);
  return { done, pending, callback: `${pathname}${search}`, session: pair(cookiesOf(done)[0]) };
}

const whoami = async (session: string) =>
  (
    await platform.app.inject({ url: "/api/slipway/v1/whoami", headers: { host: HOST, cookie: session } })
  ).json();

describe("signing in by OpenID Connect", () => {
  it("makes a person with the roles of the groups, and a session", async () => {
    provider.accounts.set("u1", { preferred_username: "ana", name: "Ana A.", groups: ["ml", "other"] });
    const { done, session } = await browser("u1");
    expect([done.statusCode, done.headers.location]).toEqual([302, "/services/x"]);
    expect(cookiesOf(done)[0]).toMatch(
      /^slipway_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/,
    );
    expect(await whoami(session)).toMatchObject({
      name: "ana",
      kind: "person",
      roles: { default: "member" },
    });
    const { body } = await platform.ask("GET", "/people/ana");
    expect(body).toMatchObject({ displayName: "Ana A.", issuer: provider.issuer, hasPassword: false });
  });

  it("goes by the subject, not by the name, and by the groups of now", async () => {
    provider.accounts.set("u1", { preferred_username: "ana-b", groups: ["ml-leads", "root"] });
    const { session } = await browser("u1");
    expect(await whoami(session)).toMatchObject({
      name: "ana",
      platformAdmin: true,
      roles: { default: "admin" },
    });
    provider.accounts.set("u1", { preferred_username: "ana", groups: [] });
    await browser("u1");
    expect(await whoami(session)).toMatchObject({ name: "ana", platformAdmin: false, roles: {} });
  });

  it("gives nobody an account that is another's, whatever name they chose", async () => {
    await platform.person("boss", { default: "admin" });
    provider.accounts.set("u2", {
      preferred_username: "boss",
      email: "eve@example.org",
      email_verified: false,
    });
    const { session } = await browser("u2");
    const { name, roles } = await whoami(session);
    expect(name).toMatch(/^oidc-[0-9a-f]{20}$/);
    expect(roles).toEqual({});
  });

  it("takes an answer once, from the browser that asked, unchanged", async () => {
    provider.accounts.set("u3", { preferred_username: "carl" });
    const { pending, callback } = await browser("u3");
    for (const [what, url, cookie] of [
      ["again", callback, pending],
      ["from another browser", callback, ""],
      ["from one that asked for something else", callback, pair(cookiesOf(await get("/login"))[0])],
      ["with another state", callback.replace(/state=[^&]+/, "state=x"), pending],
      ["with an error", `/login/callback?error=access_denied&state=x`, pending],
      ["without anything", "/login/callback", pending],
    ] as const) {
      const answer = await get(url, cookie);
      expect([answer.statusCode, cookiesOf(answer)], what).toEqual([400, []]);
      expect(answer.body, what).toContain("SIGN_IN_FAILED");
    }
  });

  it("shuts out who is disabled, at once", async () => {
    provider.accounts.set("u4", { preferred_username: "dora" });
    const { session } = await browser("u4");
    expect(await whoami(session)).toMatchObject({ name: "dora" });
    await platform.ask("PATCH", "/people/dora", { body: { disabled: true } });
    expect(await whoami(session)).toMatchObject({ error: { code: "TOKEN_REQUIRED" } });
    const { done } = await browser("u4");
    expect([done.statusCode, cookiesOf(done)]).toEqual([403, []]);
  });

  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "",
    "services",
  ])("doesn't send on to %s", async (to) => {
    provider.accounts.set("u3", { preferred_username: "carl" });
    expect((await browser("u3", to)).done.headers.location).toBe("/services");
  });

  it("ends with signing out", async () => {
    const { session } = await browser("u3");
    expect((await post("/logout", session, {})).statusCode).toBe(303);
    expect(await whoami(session)).toMatchObject({ error: { code: "TOKEN_REQUIRED" } });
  });

  it("leaves its trace in the audit log", async () => {
    await browser("u3");
    const { body } = await platform.ask("GET", "/audit?actor=carl&action=GET%20/login");
    expect(body.entries[0]).toMatchObject({
      actor: "carl",
      subject: "person/carl",
      became: { by: provider.issuer, isNew: false },
    });
  });
});

describe("a command line that signs in by a browser", () => {
  const start = () => platform.ask("POST", "/login/device", { as: null, body: { client: "laptop" } });
  const take = (deviceCode: string) =>
    platform.ask("POST", "/login/device/token", { as: null, body: { deviceCode } });

  it("gets a token of the person who confirms its code, once", async () => {
    const { body: device } = await start();
    expect((await take(device.deviceCode)).body.error.code).toBe("SIGN_IN_PENDING");
    const sent = await get(device.path);
    expect(sent.headers.location).toBe(`/login?to=${encodeURIComponent(device.path)}`);
    const { session } = await browser("u3", device.path);
    const page = await get(device.path, session);
    expect(page.body).toContain(device.userCode);
    expect(page.body).toContain("<strong>laptop</strong>");
    expect(page.headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    const { userCode } = device;
    expect((await post("/login/device", session, { code: userCode }, "http://evil.example")).statusCode).toBe(
      403,
    );
    expect((await post("/login/device", "", { code: userCode })).statusCode).toBe(401);
    expect((await take(device.deviceCode)).body.error.code).toBe("SIGN_IN_PENDING");
    expect((await post("/login/device", session, { code: userCode.toLowerCase() })).statusCode).toBe(200);
    expect((await post("/login/device", session, { code: userCode })).statusCode).toBe(400);
    const taken = await take(device.deviceCode);
    expect(taken.body).toMatchObject({ name: "cli@laptop", person: "carl" });
    expect((await platform.ask("GET", "/whoami", { as: taken.body.token })).body.name).toBe("carl");
    expect((await take(device.deviceCode)).body.error.code).toBe("SIGN_IN_FAILED");
  });

  it("can't be confirmed by a token, or by guessing codes", async () => {
    const { body: device } = await start();
    const token = await platform.person("erin", { default: "viewer" });
    const byToken = await platform.app.inject({
      method: "POST",
      url: "/login/device",
      headers: {
        host: HOST,
        authorization: `Bearer ${token}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      payload: `code=${device.userCode}`,
    });
    expect(byToken.statusCode).toBe(401);
    const { session } = await browser("u3");
    const tried = [];
    for (let guess = 0; guess < 6; guess++)
      tried.push((await post("/login/device", session, { code: "BBBB-BBBB" })).statusCode);
    expect(tried[0]).toBe(400);
    expect(tried.at(-1)).toBe(429);
  });
});
