import { expect, it } from "vitest";
import { stepToken, tenantOfStep } from "../../src/tenancy/step-tokens.ts";

const SECRET = "slipway_secret-of-this-start";

it.each(["team-a", "default"])("%s's steps are known by a token that nobody else can make", (tenant) => {
  const token = stepToken(SECRET, tenant);
  expect(tenantOfStep(SECRET, token)).toBe(tenant);
  expect(token).not.toContain(SECRET.slice(8));
});

it("the default tenant's steps can't make another tenant's token of their own", () => {
  const own = stepToken(SECRET, "default");
  expect(tenantOfStep(SECRET, stepToken(own, "team-a"))).toBeUndefined();
});

it.each([
  ["the secret itself", SECRET],
  ["another tenant's name before a proof", stepToken(SECRET, "team-a").replace("team-a", "team-b")],
  ["the default tenant's name before a proof", stepToken(SECRET, "team-a").replace("team-a", "default")],
  ["one of an earlier start", stepToken("slipway_secret-of-another", "team-a")],
  ["a proof that is cut", stepToken(SECRET, "team-a").slice(0, -1)],
  ["nothing but its beginning", "slipway_step."],
  ["a token of another kind", "slipway_0123456789"],
])("%s is none", (_, token) => expect(tenantOfStep(SECRET, token)).toBeUndefined());
