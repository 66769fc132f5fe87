import { describe, expect, it } from "vitest";
import type { Judgement } from "../../src/rollout/judge.ts";
import { outlookOf } from "../../src/rollout/outlook.ts";
import type { Rollout } from "../../src/rollout/state.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { policy } from "./world.ts";

const NOW = 1_700_000_000_000;
const TRAFFIC = { requestsPerSecond: 50, errorRate: 0.01 };

function rolloutOf(change: Partial<Rollout> = {}, policyChange: Partial<RolloutPolicy> = {}): Rollout {
  const own = { ...policy, metrics: [{ name: "errors" as const, worseBy: 0.02 }], ...policyChange };
  return {
    service: "m",
    version: 3,
    champion: 2,
    kind: own.kind,
    state: "progressing",
    reason: null,
    phase: "steps",
    phaseAt: NOW - 10_000,
    step: 0,
    heldFrom: null,
    approvedBy: null,
    deadlineAt: NOW + 7_200_000,
    request: { policy: own },
    judgement: judgement("undecided"),
    ...change,
  } as Rollout;
}

function judgement(verdict: Judgement["verdict"]): Judgement {
  const units = { units: 100, loss: 1 };
  const wealth = { harm: 0.5, safety: 2, advance: 2 };
  const errors = { metric: "errors", kind: "errors", verdict, champion: units, challenger: units, ...wealth };
  return { verdict, metrics: [errors], guard: null } as unknown as Judgement;
}

const told = (rollout: Rollout) => outlookOf(rollout, TRAFFIC, NOW).join("\n");

describe("the outlook", () => {
  it("of a canary says when an equal version is promoted", () =>
    expect(told(rolloutOf())).toMatch(/^at 50 requests\/s an equal version is promoted in about [^;]+$/m));

  it("promises no promotion that waits for a yes", () => {
    const words = told(rolloutOf({}, { approval: "reviewer" }));
    expect(words).toMatch(/within its margins in about .*; then it waits for the yes of reviewer/);
    expect(words).not.toContain("promoted");
    expect(told(rolloutOf({ approvedBy: "ada" }, { approval: "reviewer" }))).toContain(
      "is promoted in about",
    );
  });

  it("of copies only says that a person goes on, and what the deadline does", () => {
    const shadow = { share: 100, for: null };
    const words = told(rolloutOf({ phase: "shadow" }, { shadow }));
    expect(words).toMatch(/within its margins in about .*; then it waits for `slipway approve m`/);
    expect(words).not.toContain("promoted");
    expect(told(rolloutOf({ phase: "shadow", deadlineAt: NOW + 1000 }, { shadow }))).toContain(
      "the deadline is in 1 s: it would be held and wait for `slipway approve m`",
    );
  });

  it.each<[string, Partial<RolloutPolicy>, string]>([
    ["a canary", { kind: "canary" }, "when the copies end, version 3 gets 5 % of the requests"],
    ["a switch", { kind: "blue-green", steps: [] }, "when the copies end, version 3 gets all requests"],
    [
      "a switch with approval",
      { kind: "blue-green", steps: [], approval: "reviewer" },
      "when the copies end, it waits for the yes of reviewer",
    ],
  ])("of copies before %s says what follows, and claims no verdict", (_, change, expected) => {
    const words = told(rolloutOf({ phase: "shadow" }, { ...change, shadow: { share: 20, for: 60_000 } }));
    expect(words.split("\n")[0]).toBe(expected);
    expect(words).not.toMatch(/is within its margins|is promoted/);
  });

  it("of a switch says what ends it, and nothing of evidence", () => {
    const switched = { phase: "switched" as const, deadlineAt: null };
    const guard = { errors: 0.25, latency: 4 };
    const change = { kind: "blue-green" as const, steps: [], guard };
    expect(outlookOf(rolloutOf(switched, change), TRAFFIC, NOW)).toEqual([
      "version 3 is promoted when its watch ends, unless the guard or a person goes back to version 2 before",
    ]);
    expect(told(rolloutOf(switched, { ...change, guard: null }))).toContain("unless a person goes back");
    const held = { ...switched, state: "held" as const, heldFrom: "progressing" as const, reason: "by-hand" };
    expect(outlookOf(rolloutOf(held, change), TRAFFIC, NOW)).toEqual([
      "it is held: shares stay as they are until it is resumed",
    ]);
  });

  it("of a good version that waits for a yes says so, and no time", () => {
    const held = { state: "held" as const, heldFrom: "progressing" as const, reason: "needs-approval" };
    const words = told(
      rolloutOf({ ...held, judgement: judgement("within-margin") }, { approval: "reviewer" }),
    );
    expect(words).toContain("it is held: shares stay as they are until it is approved");
    expect(words).toContain("at 50 requests/s version 3 is within its margins");
  });
});
