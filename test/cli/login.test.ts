import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, ROOT, startTenancy, type TenancyPlatform } from "../tenancy/platform.ts";
import { temporaryFolder } from "../store/support.ts";
import { run } from "./run.ts";

let platform: TenancyPlatform;
let url: string;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = (await temporaryFolder()).path;
  platform = await startTenancy();
  url = await platform.app.listen({ host: "127.0.0.1", port: 0 });
  env = { XDG_CONFIG_HOME: folder, SLIPWAY_URL: url };
  await platform.person("ana", { default: "member" });
});
afterAll(async () => {
  await platform.close();
  await rm(folder, { recursive: true });
});

const form = (path: string, fields: Record<string, string>, cookie = "") =>
  fetch(`${url}${path}`, {
    method: "POST",
    redirect: "manual",
    headers: { cookie },
    body: new URLSearchParams(fields),
  });

test("login waits until a person confirms its code in a browser", async () => {
  const waiting = run(["login"], { env });
  const userCode = async () =>
    (await platform.db.read((tx) => tx.get<{ user_code: string }>("SELECT user_code FROM device_codes")))
      ?.user_code ?? "";
  await expect.poll(userCode).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
  const confirmed = await userCode();
  const signedIn = await form("/login/password", { name: "ana", password: PASSWORD });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect((await form("/login/device", { code: confirmed }, cookie)).status).toBe(200);
  const { code: exit, out, err } = await waiting;
  expect([exit, out]).toEqual([0, `signed in to ${url} as ana\n`]);
  expect(err).toContain(`Open ${url}/login/device?code=${confirmed}`);
  expect(statSync(join(folder, "slipway", "credentials.json")).mode & 0o777).toBe(0o600);
  expect((await run(["whoami"], { env })).out).toBe("ana (token)\nmember of default\n");
});

test("SLIPWAY_TOKEN comes before what login left, and other addresses get nothing", async () => {
  expect((await run(["whoami"], { env: { ...env, SLIPWAY_TOKEN: ROOT } })).out).toContain("platform admin");
  const elsewhere = url.replace("127.0.0.1", "localhost");
  expect(await run(["whoami", "--url", elsewhere], { env })).toMatchObject({ code: 4 });
});

test("logout revokes the token and forgets it", async () => {
  expect((await run(["logout"], { env })).out).toBe(`signed out of ${url}; the token is revoked\n`);
  expect((await run(["logout"], { env })).out).toBe(`nobody is signed in to ${url} here\n`);
  expect(await run(["whoami"], { env })).toMatchObject({ code: 4 });
});

test("a wrong token isn't kept", async () => {
  expect(await run(["login", "--token"], { env, stdin: "slipway_wrong\n" })).toMatchObject({ code: 4 });
  expect((await run(["logout"], { env })).out).toContain("nobody is signed in");
});
