import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic, PASSWORD, ROOT, startTenancy, STEP, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let ana: string;
let time = 1_700_000_000_000;
const clock = {
  now: () => time,
  sleep: () => new Promise<void>(() => undefined),
};

beforeAll(async () => {
  platform = await startTenancy({ clock });
  await platform.ask("POST", "/tenants", { body: { name: "red" } });
  ana = await platform.person("ana", { red: "member" });
});
afterAll(() => platform.close());

const whoami = async (authorization: string | null, headers: Record<string, string> = {}) => {
  const asked = authorization === null ? { as: null } : { authorization };
  const { status, body } = await platform.ask("GET", "/whoami", { ...asked, headers });
  return status === 200 ? body.name : body.error.code;
};

describe("who calls", () => {
  it.each([
    ["the platform's token", () => `Bearer ${ROOT}`, "platform"],
    ["a step's", () => `Bearer ${STEP}`, "step"],
    ["a person's", () => `Bearer ${ana}`, "ana"],
    ["a token as password", () => basic("anyone", ana), "ana"],
    ["a token as user name, as in Git's addresses", () => basic(ana, ""), "ana"],
    ["a name and its password", () => basic("ana", PASSWORD), "ana"],
    ["a wrong password", () => basic("ana", `${PASSWORD}!`), "CREDENTIALS_REFUSED"],
    ["the password of nobody", () => basic("bob", PASSWORD), "CREDENTIALS_REFUSED"],
    ["an empty password", () => basic("ana", ""), "CREDENTIALS_REFUSED"],
    ["an unknown token", () => `Bearer ${ana}x`, "CREDENTIALS_REFUSED"],
    ["another system's token", () => "Bearer eyJhbGciOi", "CREDENTIALS_REFUSED"],
    ["half a header", () => "Bearer", "CREDENTIALS_REFUSED"],
    ["another scheme", () => `Digest ${ana}`, "CREDENTIALS_REFUSED"],
    ["nothing", () => null, "TOKEN_REQUIRED"],
  ])("is told by %s", async (_, authorization, expected) => {
    expect(await whoami(authorization())).toBe(expected);
  });

  it("is asked for with a challenge, in the words of each API", async () => {
    const ours = await platform.ask("GET", "/tenants", { as: null });
    const mlflows = await platform.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", {
      as: null,
    });
    expect([ours.status, mlflows.status]).toEqual([401, 401]);
    expect([ours.headers["www-authenticate"], mlflows.headers["www-authenticate"]]).toEqual([
      'Basic realm="slipway"',
      'Basic realm="slipway"',
    ]);
    expect(mlflows.body.error_code).toBe("UNAUTHENTICATED");
    expect((await platform.ask("GET", "/nothing", { as: null })).status).toBe(401);
    expect((await platform.ask("GET", "/nothing")).status).toBe(404);
  });

  it("is seen anew at once when a token is revoked, a role taken or a person shut out", async () => {
    const token = await platform.person("carl", { red: "admin" });
    const members = () =>
      platform.ask("GET", "/tenants/red/members", { as: token }).then(({ status }) => status);
    expect(await members()).toBe(200);
    await platform.ask("PUT", "/tenants/red/members/carl", { body: { role: "member" } });
    expect(await members()).toBe(403);
    await platform.ask("DELETE", "/tenants/red/members/carl");
    expect(await members()).toBe(404);
    await platform.ask("PATCH", "/people/carl", { body: { disabled: true } });
    expect(await whoami(`Bearer ${token}`)).toBe("CREDENTIALS_REFUSED");
    expect(await whoami(basic("carl", PASSWORD))).toBe("CREDENTIALS_REFUSED");
    await platform.ask("PATCH", "/people/carl", { body: { disabled: false } });
    expect(await whoami(`Bearer ${token}`)).toBe("carl");
    const { body } = await platform.ask("GET", "/tokens?person=carl");
    await platform.ask("DELETE", `/tokens/${body.tokens[0].id}`);
    expect(await whoami(`Bearer ${token}`)).toBe("CREDENTIALS_REFUSED");
  });

  it("sees within seconds what another process has changed", async () => {
    const token = await platform.person("dora", { red: "viewer" });
    expect(await whoami(`Bearer ${token}`)).toBe("dora");
    const other = await startTenancy({ clock, isOpen: true, more: { db: platform.db } });
    await other.ask("DELETE", "/people/dora", { as: null });
    expect(await whoami(`Bearer ${token}`)).toBe("dora");
    time += 3_001;
    expect(await whoami(`Bearer ${token}`)).toBe("CREDENTIALS_REFUSED");
    await other.app.close();
  });

  it("isn't a token that has ended", async () => {
    const made = await platform.ask("POST", "/tokens", {
      body: { name: "short", person: "ana", expiresInDays: 1 },
    });
    expect(await whoami(`Bearer ${made.body.token}`)).toBe("ana");
    time += 24 * 60 * 60_000;
    expect(await whoami(`Bearer ${made.body.token}`)).toBe("CREDENTIALS_REFUSED");
  });
});

describe("guessing passwords", () => {
  it("is stopped for whoever guesses, not for the person elsewhere", async () => {
    await platform.person("erin", { red: "viewer" });
    for (let guess = 0; guess < 5; guess++)
      expect(await whoami(basic("erin", `guess ${guess}`))).toBe("CREDENTIALS_REFUSED");
    expect(await whoami(basic("erin", PASSWORD))).toBe("SIGN_IN_LIMITED");
    const elsewhere = await platform.tenancy.authenticator.person("erin", PASSWORD, "192.0.2.7");
    expect(elsewhere.name).toBe("erin");
    time += 60_001;
    expect(await whoami(basic("erin", PASSWORD))).toBe("erin");
  });

  it("is stopped as well when all guesses come at once", async () => {
    await platform.person("frank", { red: "viewer" });
    time += 60_001;
    const guesses = Array.from({ length: 20 }, (_, guess) => whoami(basic("frank", `guess ${guess}`)));
    const codes = await Promise.all(guesses);
    expect(codes.filter((code) => code === "CREDENTIALS_REFUSED")).toHaveLength(5);
    expect(codes.filter((code) => code === "SIGN_IN_LIMITED")).toHaveLength(15);
    time += 60_001;
    const right = await Promise.all(Array.from({ length: 20 }, () => whoami(basic("frank", PASSWORD))));
    expect(new Set(right)).toEqual(new Set(["frank"]));
  });

  it("says the same of a name that isn't there", async () => {
    const codes = [];
    for (let guess = 0; guess < 6; guess++) codes.push(await whoami(basic("nobody-here", `guess ${guess}`)));
    expect(codes).toEqual([...Array(5).fill("CREDENTIALS_REFUSED"), "SIGN_IN_LIMITED"]);
  });

  it("answers MLflow's client so that it doesn't try again for minutes", async () => {
    const url = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    const { status, body } = await platform.ask("GET", url, { authorization: basic("nobody-here", "x") });
    expect([status, body.error_code]).toEqual([401, "UNAUTHENTICATED"]);
  });
});

describe("loopback without a login", () => {
  it("is one caller, who may do everything; tokens of ours count all the same", async () => {
    const open = await startTenancy({ isOpen: true });
    const name = async (authorization?: string) => {
      const asked = authorization === undefined ? { as: null } : { authorization };
      const { status, body } = await open.ask("GET", "/whoami", asked);
      return status === 200 ? `${body.name} ${body.platformAdmin}` : body.error.code;
    };
    expect(await name()).toBe("local true");
    expect(await name("Bearer of-another-system")).toBe("local true");
    expect(await name("Bearer slipway_wrong")).toBe("CREDENTIALS_REFUSED");
    await open.ask("POST", "/people", { as: null, body: { name: "ana", password: PASSWORD } });
    expect(await name(basic("ana", PASSWORD))).toBe("ana false");
    await open.close();
  });
});
