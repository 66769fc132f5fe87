import { describe, expect, it } from "vitest";
import { createGuard, isLoopback } from "../../src/http/guard.ts";

const local = createGuard({ host: "127.0.0.1", allowedHosts: ["ml.example.org"] });
const open = createGuard({ host: "0.0.0.0", allowedHosts: [] });

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
    expect(open({ host: "10.0.0.1:4600" }, "GET")).toBeNull();
    expect(open({ host: "[fe80::1]:4600" }, "GET")).toBeNull();
    expect(open({ host: "evil.example" }, "GET")?.code).toBe("HOST_REFUSED");
  });
});

describe("names with a star", () => {
  const guarded = createGuard({ host: "0.0.0.0", allowedHosts: ["*.example.com", "ml-*-eu.corp:5000"] });

  it.each(["a.example.com", "A.B.EXAMPLE.COM:4600", "ml-7-eu.corp:5000"])("take %s", (host) =>
    expect(guarded({ host }, "GET")).toBeNull(),
  );

  it.each(["example.com", "a.example.com.evil", "ml-eu.corp:5000", "ml-7-eu.corp:1", "*"])(
    "refuse %s",
    (host) => expect(guarded({ host }, "GET")?.code).toBe("HOST_REFUSED"),
  );

  it("alone takes every name, and still compares the origin", () => {
    const any = createGuard({ host: "127.0.0.1", allowedHosts: ["*"] });
    expect(any({ host: "what.ever" }, "GET")).toBeNull();
    expect(any({ host: "what.ever", origin: "http://evil.example" }, "POST")?.code).toBe("ORIGIN_REFUSED");
    expect(any({}, "GET")?.code).toBe("HOST_REFUSED");
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

it("knows loopback", () => {
  expect(["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"].map(isLoopback)).not.toContain(false);
  expect(["0.0.0.0", "::", "10.0.0.1", "127.example.org", "example.org"].map(isLoopback)).not.toContain(true);
});
