import { expect, test } from "vitest";
import { parseProject, type SpecProblem } from "../../src/spec/parse.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { LEAST } from "./valid.ts";

const MODEL = `${LEAST}model: { name: m }\n`;

function problems(rollout: string, head = MODEL): SpecProblem[] {
  const result = parseProject(`${head}rollout: { ${rollout} }\n`, "slipway.yaml");
  return result.ok ? [] : result.problems;
}

function policy(rollout: string): RolloutPolicy {
  const result = parseProject(`${MODEL}rollout: { ${rollout} }\n`, "slipway.yaml");
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.rollout;
}

test.each([
  ["shadow: true", { shadow: { share: 100, for: null } }],
  ["shadow: false", { shadow: null }],
  ["shadow: {}", { shadow: { share: 100, for: null } }],
  ["shadow: { for: 10m, share: 20 }", { shadow: { share: 20, for: 600_000 } }],
  ["guard: none", { guard: null }],
  // The deadline begins with what comes after the copies.
  ["shadow: { for: 1d }, deadline: 2h", { shadow: { share: 100, for: 86_400_000 } }],
  ["guard: { latency: 100% }", { guard: { errors: 0.25, latency: 1 } }],
  ["kind: blue-green, watch: 1h", { kind: "blue-green", watch: 3_600_000, steps: [] }],
  ["kind: instant, guard: none", { kind: "instant", guard: null, steps: [] }],
  [
    "kind: instant, shadow: { for: 10m }, deadline: 1h, metrics: [{ name: errors, worseBy: 1pp }]",
    { kind: "instant", shadow: { share: 100, for: 600_000 }, deadline: 3_600_000 },
  ],
  [
    "metrics: [{ name: latency, quantile: 0.5, worseBy: 100% }]",
    { metrics: [{ name: "latency", quantile: 0.5, worseBy: 1, floor: 5 }] },
  ],
  [
    "metrics: [{ name: mae, from: labels, worseBy: 2pp }]",
    { metrics: [{ name: "mae", from: "labels", worseBy: 0.02, within: 0 }] },
  ],
])("rollout: { %s } is read", (text, expected) => {
  expect(policy(text)).toMatchObject(expected);
});

test.each(["constructor", "__proto__", "toString"])("a metric can't be named %s", (name) => {
  expect(problems(`metrics: [{ name: ${name}, from: labels, worseBy: 1pp }]`)).toMatchObject([
    { line: 5, column: 30, rule: "reserved-name", given: `"${name}"` },
  ]);
});

const latency = (more: string): string => `metrics: [{ name: latency, quantile: 0.95, ${more} }]`;

// Column 1 of line 5 begins `rollout: { `, so that a first key stands in column 12.
test.each([
  ["watch: 5m", "5:12", "kind", "watch together with kind: blue-green"],
  ["kind: blue-green, steps: [5]", "5:30", "kind", "steps together with kind: canary"],
  [
    "kind: instant, metrics: [{ name: errors, worseBy: 1pp }]",
    "5:27",
    "kind",
    "metrics together with kind: canary, or with shadow",
  ],
  ["kind: blue-green, deadline: 1h", "5:30", "kind", "deadline together with kind: canary, or with shadow"],
  ["kind: instant, guard: { errors: 5pp }", "5:27", "kind", "guard: none"],
  ["kind: instant, fallback: true", "5:27", "kind", "canary or blue-green"],
  ["kind: blue", "5:18", "not-allowed", "one of canary, blue-green, instant"],
  ["shadow: { for: 25d }", "5:27", "range", "a duration from 1s to 24d, such as 500ms, 2s, 30m or 2h"],
  ["shadow: { share: 0 }", "5:29", "range", "a whole number from 1 to 100"],
  ["shadow: { shar: 5 }", "5:22", "unknown-key", "for, share"],
  ["shadow: 5", "5:20", "wrong-type", "true or false or a map of keys"],
  ["guard: { errors: 25% }", "5:29", "margin", "percentage points above 0pp and below 100pp, such as 0.5pp"],
  ["guard: { latency: 4 }", "5:30", "wrong-type", "a percentage, such as 20%"],
  ["guard: { latency: 0% }", "5:30", "range", "a percentage above 0% and at most 10000%, such as 20%"],
  ["deadline: 2s", "5:22", "contradiction", "at least 1 s for each step: 3 s"],
  ["falsePromotionRate: 0.5", "5:32", "range", "a rate from 0.000001 to below 0.5, such as 0.01 or 1%"],
  ["falseRollbackRate: 0.0000001", "5:31", "range", "a rate from 0.000001 to below 0.5, such as 0.01 or 1%"],
  [
    "metrics: [{ name: errors, worseBy: 1% }]",
    "5:47",
    "margin",
    "percentage points above 0pp and below 50pp, such as 0.5pp",
  ],
  [latency("worseBy: 1pp"), "5:64", "margin", "a percentage above 0% and at most 1000%, such as 20%"],
  [latency("worseBy: 20%, within: 5m"), "5:69", "metric", "name, worseBy, quantile, floor"],
  [latency("worseBy: 20%, from: labels"), "5:69", "metric", "name, worseBy, quantile, floor"],
  [latency("worseBy: 20%, floor: 2s"), "5:76", "contradiction", "less than serving.timeout, 2 s"],
  [
    "metrics: [{ name: latency, worseBy: 20% }]",
    "5:22",
    "missing-key",
    "a quantile from 0.05 to 0.9999, such as 0.95",
  ],
  [
    "metrics: [{ name: latency, worseBy: 20%, quantile: 1 }]",
    "5:63",
    "range",
    "a quantile from 0.05 to 0.9999, such as 0.95",
  ],
  ["metrics: [{ name: errors, worseBy: 1pp, quantile: 0.5 }]", "5:52", "metric", "name, worseBy"],
  ["metrics: [{ name: errors, worseBy: 1pp, within: 5m }]", "5:52", "metric", "name, worseBy"],
  [
    "metrics: [{ name: a, from: labels, worseBy: 1pp, floor: 5ms }]",
    "5:61",
    "metric",
    "name, worseBy, from, within",
  ],
  [
    "metrics: [{ name: a, from: labels, worseBy: 1pp, within: 3h }]",
    "5:69",
    "contradiction",
    "less than the deadline, 2 h",
  ],
])("rollout: { %s } is refused at %s by the rule %s", (text, place, rule, allowed) => {
  const found = problems(text);
  expect(found.map((problem) => `${problem.line}:${problem.column} ${problem.rule}`)).toEqual([
    `${place} ${rule}`,
  ]);
  expect(found[0]?.allowed).toBe(allowed);
});

test("a margin of half is refused, and says why it is", () => {
  const [wide] = problems("metrics: [{ name: errors, worseBy: 50pp }]");
  expect(wide).toMatchObject({ rule: "range", given: '"50pp"' });
  expect(wide?.allowed).toContain("below 50pp");
  expect(problems(latency("worseBy: 1001%"))[0]).toMatchObject({ rule: "range" });
  const [bare] = problems("metrics: [{ name: errors, worseBy: 0.5 }]");
  expect(bare).toMatchObject({ rule: "wrong-type", given: "0.5" });
});

test("a label that counts too late says both times", () => {
  const [problem] = problems("deadline: 1h, metrics: [{ name: a, from: labels, worseBy: 1pp, within: 90m }]");
  expect(problem?.message).toBe(
    "no label would count before the deadline: it counts after 90 min, the deadline is 1 h",
  );
});

test("gates that no version can pass are refused", () => {
  const head = `${LEAST}model: { name: m, gate: [{ metric: a, min: 0.9 }, { metric: a, max: 0.5 }, { metric: b, max: 1 }] }\n`;
  expect(problems("kind: canary", head)).toMatchObject([
    { line: 4, column: 69, rule: "contradiction", given: "0.5", allowed: "at least 0.9" },
  ]);
});

test("what is wrong inside a value with a short form comes with everything else", () => {
  const found = problems("shadow: { for: 5, share: x }, guard: { errors: 200pp }, watch: 1m");
  expect(found.map(({ column, rule }) => `${column} ${rule}`)).toEqual([
    "27 wrong-type",
    "37 wrong-type",
    "59 range",
    "68 kind",
  ]);
});
