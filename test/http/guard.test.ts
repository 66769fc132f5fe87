import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createGuard, isLoopback } from "../../src/http/guard.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const local = createGuard({ host: "127.0.0.1", allowedHosts: ["ml.example.org"], tokenSha256: null });
const open = createGuard({
  host: "0.0.0.0",
  allowedHosts: [],
  tokenSha256: sha256("secret"),
  internalTokenSha256: sha256("inner"),
});

describe("Host", () => {
  it.each(["localhost", "LOCALHOST:4600", "127.0.0.1:4600", "[::1]:4600", "127.0.0.2", "ml.example.org"])(
    "takes %s on loopback",
    (host) => expect(local({ host }, "GET")).toBeNull(),
  );

  it.each([
    undefined,
    "",
    "evil.example",
    "evil.example:4600",
    "10.0.0.1",
    "localhost.evil.example",
    "[::2]",
    "[",
    "127.0.0.1.evil",
  ])("refuses %s on loopback", (host) =>
    expect(local(host === undefined ? {} : { host }, "GET")?.code).toBe("HOST_REFUSED"),
  );

  it("takes any address off loopback, but no unknown name", () => {
    const authorization = "Bearer secret";
    expect(open({ host: "10.0.0.1:4600", authorization }, "GET")).toBeNull();
    expect(open({ host: "[fe80::1]:4600", authorization }, "GET")).toBeNull();
    expect(open({ host: "evil.example", authorization }, "GET")?.code).toBe("HOST_REFUSED");
  });
});

describe("Origin", () => {
  it.each([
    ["http://localhost:4600", null],
    ["https://LOCALHOST:4600", null],
    ["http://localhost:4601", "ORIGIN_REFUSED"],
    ["http://evil.example", "ORIGIN_REFUSED"],
    ["null", "ORIGIN_REFUSED"],
    ["file://localhost:4600", "ORIGIN_REFUSED"],
  ])("%s", (origin, code) => {
    expect(local({ host: "localhost:4600", origin }, "POST")?.code ?? null).toBe(code);
  });

  it("refuses what another site's page changes without naming its origin", () => {
    const headers = { host: "localhost", "sec-fetch-site": "cross-site" };
    expect(local(headers, "POST")?.code).toBe("ORIGIN_REFUSED");
    expect(local(headers, "GET")).toBeNull();
  });
});

describe("token", () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  it.each([
    ["Bearer secret", null],
    ["bearer secret", null],
    ["Bearer inner", null],
    [basic("anyone:secret"), null],
    [basic("secret"), "TOKEN_REQUIRED"],
    [basic("secret:other"), "TOKEN_REQUIRED"],
    ["Bearer secre", "TOKEN_REQUIRED"],
    ["Bearer ", "TOKEN_REQUIRED"],
    ["secret", "TOKEN_REQUIRED"],
    [undefined, "TOKEN_REQUIRED"],
  ])("%s", (authorization, code) => {
    const headers = { host: "10.0.0.1", ...(authorization === undefined ? {} : { authorization }) };
    expect(open(headers, "GET")?.code ?? null).toBe(code);
  });
});

describe("an open route", () => {
  it("needs no token", () => expect(open({ host: "10.0.0.1" }, "GET", true)).toBeNull());

  it.each([
    [{ host: "evil.example" }, "HOST_REFUSED"],
    [{ host: "10.0.0.1", origin: "http://evil.example" }, "ORIGIN_REFUSED"],
  ])("has its host and origin checked all the same: %o", (headers, code) => {
    expect(open(headers, "GET", true)?.code).toBe(code);
  });
});

it("knows loopback", () => {
  expect(["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"].map(isLoopback)).not.toContain(false);
  expect(["0.0.0.0", "::", "10.0.0.1", "127.example.org", "example.org"].map(isLoopback)).not.toContain(true);
});
