import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesOf } from "../../src/base/bytes.ts";
import { consoleRoutes } from "../../src/console/routes.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import { createGuard } from "../../src/http/guard.ts";
import { createApp } from "../../src/http/server.ts";

let folder: string;
let app: FastifyInstance;
const headers = { host: "10.0.0.1:4600" };
const SCRIPT = "console.log('console');".repeat(20);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-console-"));
  const assets = join(folder, "console", "assets");
  await mkdir(assets, { recursive: true });
  await writeFile(join(folder, "console", "index.html"), "<!doctype html><title>Slipway</title>");
  await writeFile(join(folder, "console", "secret.js"), "outside of assets/");
  await writeFile(join(assets, "app-ABC.js"), SCRIPT);
  await writeFile(join(assets, "app-ABC.js.br"), bytesOf(brotliCompressSync(SCRIPT)));
  await writeFile(join(assets, "notes.txt"), "no file of a page");
  app = await createApp({
    guard: createGuard({ host: "0.0.0.0", allowedHosts: [] }),
    // Everything that isn't open asks who calls.
    sentry: {
      callerOf() {
        throw new SlipwayError("TOKEN_REQUIRED", "a token is needed");
      },
      tenantExists: () => true,
    },
    logDefect: () => undefined,
    version: "0.0.0",
  });
  consoleRoutes(app, { assetsDir: join(folder, "console") });
  app.get("/api/slipway/v1/services", { config: { access: "read" } }, async () => ({ services: [] }));
});

afterEach(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

describe("the page", () => {
  it.each(["/services", "/services/digits", "/services/a%2Fb/c"])(
    "is at %s, without a token",
    async (url) => {
      const { statusCode, headers: sent, body } = await app.inject({ url, headers });
      expect(statusCode).toBe(200);
      expect(body).toContain("<title>Slipway</title>");
      expect(sent["content-type"]).toBe("text/html; charset=utf-8");
      expect(sent["cache-control"]).toBe("no-cache");
    },
  );

  it("may run, call and show nothing but its own", async () => {
    const { headers: sent } = await app.inject({ url: "/services/digits", headers });
    expect(sent["content-security-policy"]).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(sent["x-content-type-options"]).toBe("nosniff");
  });

  it("isn't sent again while it is the same", async () => {
    const first = await app.inject({ url: "/services", headers });
    const etag = String(first.headers["etag"]);
    const again = await app.inject({ url: "/services", headers: { ...headers, "if-none-match": etag } });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
    const other = await app.inject({ url: "/services", headers: { ...headers, "if-none-match": '"x"' } });
    expect(other.statusCode).toBe(200);
  });

  it("opens nothing else: what holds data asks for the token", async () => {
    expect((await app.inject({ url: "/api/slipway/v1/services", headers })).statusCode).toBe(401);
    expect((await app.inject({ url: "/nowhere", headers })).statusCode).toBe(401);
  });

  it("isn't shown under a foreign name, nor to a page of another origin", async () => {
    const foreign = await app.inject({ url: "/services", headers: { host: "evil.example" } });
    expect(foreign.json().error.code).toBe("HOST_REFUSED");
    const origin = { ...headers, origin: "http://evil.example" };
    expect((await app.inject({ url: "/services", headers: origin })).json().error.code).toBe(
      "ORIGIN_REFUSED",
    );
  });
});

describe("an asset", () => {
  const get = (name: string, more: Record<string, string> = {}) =>
    app.inject({ url: `/console/assets/${name}`, headers: { ...headers, ...more } });

  it("is kept by the browser for good, because its name is its content's", async () => {
    const { headers: sent, body } = await get("app-ABC.js");
    expect(body).toBe(SCRIPT);
    expect(sent["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(sent["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(sent["content-encoding"]).toBeUndefined();
    expect(sent["vary"]).toBe("accept-encoding");
  });

  it("is sent as it was compressed at build time", async () => {
    const { headers: sent, rawPayload } = await get("app-ABC.js", { "accept-encoding": "gzip, br;q=0.9" });
    expect(sent["content-encoding"]).toBe("br");
    expect(brotliDecompressSync(bytesOf(rawPayload)).toString()).toBe(SCRIPT);
  });

  it.each(["br;q=0", "gzip", "identity"])("isn't sent compressed to Accept-Encoding: %s", async (coding) => {
    expect(
      (await get("app-ABC.js", { "accept-encoding": coding })).headers["content-encoding"],
    ).toBeUndefined();
  });

  it.each([
    "nothing.js",
    "notes.txt",
    "app-ABC.js.br",
    "..%2Fsecret.js",
    "..%2f..%2fconsole%2fsecret.js",
    "%2e%2e%2fsecret.js",
    "%2Fetc%2Fpasswd",
    "__proto__",
    "app-ABC.js%00",
  ])("%s doesn't exist", async (name) => {
    expect((await get(name)).statusCode).toBe(404);
  });

  it.each(["/console/assets/../secret.js", "/console/assets/../../etc/passwd"])(
    "%s leads nowhere",
    async (url) => {
      const { statusCode, body } = await app.inject({ url, headers });
      expect([401, 404]).toContain(statusCode);
      expect(body).not.toContain("outside of assets/");
    },
  );
});

it("says what is missing when the console wasn't built, and works as soon as it is", async () => {
  const page = join(folder, "console", "index.html");
  await rm(page);
  const { statusCode, body } = await app.inject({ url: "/services", headers });
  expect(statusCode).toBe(503);
  expect(JSON.parse(body).error).toMatchObject({
    code: "CONSOLE_NOT_BUILT",
    hint: expect.stringContaining("npm run build"),
  });
  await writeFile(page, "built");
  expect((await app.inject({ url: "/services", headers })).body).toBe("built");
});
