import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StepState } from "../../src/pipelines/engine.ts";
import { nextAttempt } from "../../src/pipelines/retry.ts";
import { endState, readySteps, skippedSteps, transitiveNeeds } from "../../src/pipelines/schedule.ts";

/** A graph without cycles, its steps in any order. */
const graphs = fc
  .array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 15 })
  .map((rows) =>
    rows.map((needs, index) => ({
      name: `s${index}`,
      needs: [...new Set(needs.filter((need) => need < index))].map((need) => `s${need}`),
    })),
  )
  .chain((steps) => fc.shuffledSubarray(steps, { minLength: steps.length }));

describe("order of steps", () => {
  it("runs every step once, after all that it needs, and skips exactly what hangs on a failed one", () => {
    fc.assert(
      fc.property(graphs, fc.func(fc.boolean()), (steps, fails) => {
        const states = new Map<string, StepState>(steps.map((step) => [step.name, "waiting"]));
        const failed = new Set<string>();
        for (let round = 0; round < 100 && endState(states.values()) === undefined; round++) {
          for (const name of skippedSteps(steps, states).keys()) states.set(name, "skipped");
          for (const name of readySteps(steps, states)) {
            const needs = steps.find((step) => step.name === name)?.needs ?? [];
            expect(needs.every((need) => states.get(need) === "succeeded")).toBe(true);
            const bad = fails(name);
            if (bad) failed.add(name);
            states.set(name, bad ? "failed" : "succeeded");
          }
        }
        for (const { name } of steps) {
          const lost = transitiveNeeds(steps, name).some((need) => failed.has(need));
          expect(states.get(name)).toBe(lost ? "skipped" : failed.has(name) ? "failed" : "succeeded");
        }
        expect(endState(states.values())).toBe(failed.size > 0 ? "failed" : "succeeded");
      }),
    );
  });

  it("names the step that is to blame, however far back", () => {
    const steps = [
      { name: "a", needs: [] },
      { name: "b", needs: ["a"] },
      { name: "c", needs: ["b"] },
    ];
    const states = new Map<string, StepState>([
      ["a", "failed"],
      ["b", "waiting"],
      ["c", "waiting"],
    ]);
    expect(skippedSteps(steps, states)).toEqual(
      new Map([
        ["b", "needs a: step a failed"],
        ["c", "needs b: step a failed"],
      ]),
    );
  });
});

describe("retries", () => {
  it("double their wait and end", () => {
    const step = { retries: 3, backoff: 100 };
    expect([1, 2, 3, 4].map((failures) => nextAttempt(step, failures))).toEqual([
      { again: true, waitMs: 100 },
      { again: true, waitMs: 200 },
      { again: true, waitMs: 400 },
      { again: false },
    ]);
    expect(nextAttempt({ retries: 99, backoff: 1000 }, 90)).toEqual({ again: true, waitMs: 600_000 });
  });
});
