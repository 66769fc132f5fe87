import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, stickyPoint } from "../../src/serving/router/assign.ts";
import { RuleBook } from "../../src/serving/router/rule-book.ts";
import { parseRoute } from "../../src/serving/router/routes.ts";
import { ruleFor } from "../support/serving-platform.ts";

describe("assign", () => {
  it("only moves callers towards the challenger as the share rises", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), share, share, (user, a, b) => {
        const rule = ruleFor("s", { challenger: 2, share: Math.min(a, b) });
        const point = stickyPoint(rule, user);
        expect(point).toBeGreaterThanOrEqual(0);
        expect(point).toBeLessThan(1);
        const before = assign({ rule, stopped: false }, point);
        const after = assign({ rule: { ...rule, share: Math.max(a, b) }, stopped: false }, point);
        if (before.arm === "challenger") expect(after.arm).toBe("challenger");
      }),
    );
  });

  it("spreads callers evenly", () => {
    const rule = ruleFor("s", { challenger: 2, share: 0.25 });
    const users = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
    const share = users.filter((user) => stickyPoint(rule, user) < 0.25).length / users.length;
    expect(share).toBeGreaterThan(0.235);
    expect(share).toBeLessThan(0.265);
  });

  it("gives a stopped challenger nothing, under an epoch of its own", () => {
    const rule = ruleFor("s", { challenger: 2, share: 1 });
    expect(assign({ rule, stopped: true }, 0)).toEqual({
      version: 1,
      arm: "champion",
      epoch: "c1!",
      share: 0,
      onTrial: 2,
    });
  });
});

describe("RuleBook", () => {
  it("never goes back, whatever comes in whatever order, also over a restart", () => {
    const step = fc.record({ order: fc.nat(9), remove: fc.boolean(), restart: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let book = new RuleBook();
        let newest = -1;
        for (const { order, remove, restart } of steps) {
          if (restart)
            book = new RuleBook(JSON.parse(JSON.stringify(book.state())) as ReturnType<RuleBook["state"]>);
          const act = () =>
            remove ? book.remove("s", order) : book.put(ruleFor("s", { order, commit: `c${order}` }));
          if (order < newest) expect(act).toThrow("newer commit");
          else act();
          newest = Math.max(newest, order);
          const present = book.find("s")?.rule.order;
          if (present !== undefined) expect(present).toBe(newest);
        }
      }),
    );
  });
});

describe("parseRoute", () => {
  it.each([
    ["POST", "/v2/models/m/infer", { kind: "infer", protocol: "v2", model: "m" }],
    [
      "POST",
      "/v2/models/a%20b/versions/3/infer?x=1",
      { kind: "infer", protocol: "v2", model: "a b", version: 3 },
    ],
    ["POST", "/v1/models/m:predict", { kind: "infer", protocol: "v1", model: "m" }],
    ["GET", "/v2/models/m/", { kind: "metadata", protocol: "v2", model: "m" }],
    ["GET", "/v2/models/m/versions/0/ready", { kind: "unknown" }],
    ["GET", "/v2/models/m/infer", { kind: "wrong-method", allowed: "POST" }],
    ["POST", "/v1/models/m:explain", { kind: "unimplemented", what: ":explain" }],
    ["GET", "/v2/models/%zz", { kind: "unknown" }],
    ["GET", "/v2/health/ready", { kind: "ready" }],
    ["GET", "/health/live", { kind: "live" }],
    ["POST", "/endpoints/a%2Fb/invocations", { kind: "infer", protocol: "invocations", model: "a/b" }],
    ["POST", "/invocations", { kind: "infer", protocol: "invocations", model: undefined }],
    ["GET", "/ping", { kind: "ping" }],
    ["GET", "/ready", { kind: "services-ready" }],
    ["GET", "/ready/a%2Fb", { kind: "services-ready", model: "a/b" }],
    ["GET", "/ready/m/more", { kind: "unknown" }],
    ["GET", "/endpoints/m/health", { kind: "ping", model: "m" }],
    ["GET", "/endpoints/m", { kind: "unknown" }],
    ["POST", "/v2/repository/index", { kind: "repository-index" }],
    ["GET", "/v2/repository/index", { kind: "wrong-method", allowed: "POST" }],
    ["POST", "/v2/repository/models/m/unload", { kind: "unload", model: "m" }],
    ["POST", "/v2/repository/models/m/versions/1/load", { kind: "unknown" }],
    ["GET", "/v2/cudasharedmemory/status", { kind: "unimplemented", what: "the shared memory extension" }],
  ])("%s %s", (method, url, route) => {
    expect(parseRoute(method, url)).toEqual(route);
  });
});
