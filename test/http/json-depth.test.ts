import { expect, it } from "vitest";
import { isDeeperThan } from "../../src/http/json-depth.ts";
import { originForm } from "../../src/http/request-target.ts";

it("counts arrays and objects within each other", () => {
  expect(isDeeperThan(1, 0)).toBe(false);
  expect(isDeeperThan([], 0)).toBe(true);
  expect(isDeeperThan([[1], { a: "x" }], 2)).toBe(false);
  expect(isDeeperThan([[1], { a: [] }], 2)).toBe(true);
  expect(isDeeperThan(JSON.parse("[".repeat(200_000) + "]".repeat(200_000)), 100)).toBe(true);
});

it.each([
  ["/v2/models?x=http://a/b", "/v2/models?x=http://a/b"],
  ["http://host:80/v2/models", "/v2/models"],
  ["HTTPS://host?x", "/?x"],
  ["http://host", "/"],
  ["*", "*"],
  ["host:443", "host:443"],
])("a request's target %s is %s", (target, path) => expect(originForm(target)).toBe(path));
