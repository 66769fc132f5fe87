import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseProject } from "../../src/spec/parse.ts";
import type { SpecProblem } from "../../src/spec/parse.ts";
import { FULL, LEAST } from "./valid.ts";

function problems(text: string): SpecProblem[] {
  const result = parseProject(text, "slipway.yaml");
  return result.ok ? [] : result.problems;
}

/** `line:column rule` of each problem, in order. */
function places(text: string): string[] {
  return problems(text).map(({ line, column, rule }) => `${line}:${column} ${rule}`);
}

test("every key that is built arrives in the units of the program", () => {
  expect(parseProject(FULL, "slipway.yaml")).toEqual({
    ok: true,
    value: {
      apiVersion: "slipway/v1",
      kind: "Project",
      name: "churn",
      environment: { python: "requirements.txt" },
      pipeline: {
        cache: true,
        steps: [
          {
            name: "features",
            run: "python features.py",
            needs: [],
            inputs: ["data/raw.csv"],
            outputs: ["features.parquet"],
            params: {},
            cache: true,
            resources: {},
            retries: 0,
            backoff: 1000,
            timeout: 3_600_000,
          },
          {
            name: "train",
            run: "python train.py",
            needs: ["features"],
            inputs: [],
            outputs: [],
            params: { depth: 4, rate: 0.1, fast: true, kind: "tree" },
            cache: false,
            resources: { cpu: 2, memory: 4 * 2 ** 30 },
            retries: 2,
            backoff: 500,
            timeout: 5_400_000,
          },
          {
            name: "check",
            run: "python evaluate.py",
            needs: ["train"],
            inputs: [],
            outputs: [],
            params: {},
            cache: true,
            resources: {},
            retries: 0,
            backoff: 1000,
            timeout: 3_600_000,
          },
        ],
      },
      model: {
        name: "churn",
        artifact: "out/model",
        gate: [
          { metric: "accuracy", min: 0.9 },
          { metric: "loss", max: 1 },
          { metric: "accuracy", atLeastChampionMinus: 0.005 },
        ],
      },
      serving: {
        protocol: ["v2"],
        scale: { min: 2, max: 8, target: { concurrency: 1.5 }, idle: 60_000 },
        timeout: 5000,
        sticky: { header: "x-user-id" },
        maxBody: 4 * 2 ** 20,
        limits: { concurrency: 64, queue: 0 },
        resources: { cpu: 0.5, memory: 512 * 2 ** 20 },
      },
      rollout: {
        kind: "canary",
        steps: [10, 50],
        shadow: { share: 20, for: 600_000 },
        fallback: true,
        watch: 600_000,
        guard: { errors: 0.1, latency: 3 },
        falseRollbackRate: 0.01,
        falsePromotionRate: 0.1,
        metrics: [
          { name: "errors", worseBy: 0.007 },
          { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 2 },
          { name: "accuracy", from: "labels", worseBy: 0.01, within: 600_000 },
        ],
        deadline: 86_400_000,
        onNotEnoughData: "promote",
        approval: "lead",
        onAliasSet: "switch",
      },
    },
  });
});

test("what isn't said has its documented default", () => {
  expect(parseProject(LEAST, "f")).toEqual({
    ok: true,
    value: {
      apiVersion: "slipway/v1",
      kind: "Project",
      name: "churn",
      environment: {},
      pipeline: { steps: [], cache: true },
      serving: { protocol: ["v1", "v2"], scale: { min: 1 }, timeout: 2000, maxBody: 16 * 2 ** 20 },
      rollout: {
        kind: "canary",
        steps: [5, 25, 50],
        shadow: null,
        fallback: false,
        watch: 600_000,
        guard: { errors: 0.25, latency: 4 },
        falseRollbackRate: 0.01,
        falsePromotionRate: 0.05,
        metrics: [{ name: "errors", worseBy: 0.005 }],
        deadline: 7_200_000,
        onNotEnoughData: "hold",
        approval: "none",
        onAliasSet: "rollout",
      },
    },
  });
  const withModel = parseProject(`${LEAST}model: { name: churn }\n`, "f");
  expect(withModel.ok && withModel.value.model).toEqual({ name: "churn", artifact: "model", gate: [] });
});

test("an unknown key names the nearest known one, at the key's place", () => {
  expect(problems(`${LEAST}model: { name: m, gates: [] }\n`)).toEqual([
    {
      file: "slipway.yaml",
      line: 4,
      column: 19,
      rule: "unknown-key",
      message: 'model has no key "gates"; did you mean "gate"?',
      given: '"gates"',
      allowed: "name, artifact, gate",
    },
  ]);
});

test("all problems come at once, in the file's order", () => {
  expect(
    places(`apiVersion: slipway/v2
kind: Project
nmae: churn
environment: { python: a.txt, node: package.json }
pipeline:
  steps:
    - { name: A_b, run: "" , needs: [trian] }
    - { name: train, run: x, timeout: 10 }
model: { name: m }
rollout: { steps: [5, 5], falseRollbackRate: 0.5 }
`),
  ).toEqual([
    "1:1 missing-key",
    "1:13 not-allowed",
    "3:1 unknown-key",
    "4:31 only-one",
    "7:15 dns-label",
    "7:25 range",
    "7:38 unknown-step",
    "8:39 wrong-type",
    "10:19 rising",
    "10:46 range",
  ]);
});

test.each([
  ["monitoring: { drift: { window: 1h } }", "4:1"],
  ["limits: {}", "4:1"],
  ['pipeline: { schedule: "0 3 * * *", steps: [{ name: a, run: b }] }', "4:13"],
  ["model: { name: m }\nserving: { batching: {} }", "5:12"],
])("a feature that isn't built is refused by name: %s", (text, place) => {
  const found = problems(LEAST + text);
  expect(found.map(({ line, column, rule }) => `${line}:${column} ${rule}`)).toEqual([
    `${place} not-built-yet`,
  ]);
  expect(found[0]?.message).toContain("isn't built yet");
});

test("more workers at least than at most is an error at the most", () => {
  const found = problems(`${LEAST}model: { name: m }\nserving: { scale: { min: 3, max: 2 } }`);
  expect(found).toMatchObject([{ line: 5, rule: "range", allowed: "a whole number from 3 to 64" }]);
});

test("steps that wait for each other are named in their order", () => {
  const steps =
    "[{ name: a, run: x, needs: [c] }, { name: b, run: x, needs: [a] }, { name: c, run: x, needs: [b] }]";
  expect(problems(`${LEAST}pipeline: { steps: ${steps} }`)).toMatchObject([
    { line: 4, rule: "cycle", message: "steps wait for each other: a needs c needs b needs a" },
  ]);
  expect(problems(`${LEAST}pipeline: { steps: [{ name: a, run: x, needs: [a] }] }`)).toMatchObject([
    { rule: "cycle", message: "steps wait for each other: a needs a" },
  ]);
});

test("an unknown step names the nearest", () => {
  expect(
    problems(`${LEAST}pipeline: { steps: [{ name: train, run: x }, { name: b, run: x, needs: [tarin] }] }`),
  ).toMatchObject([
    { rule: "unknown-step", message: 'there is no step named "tarin"; did you mean "train"?' },
  ]);
});

test.each([
  ["pipeline: { steps: [{ name: a, run: x }, { name: a, run: y }] }", "duplicate-step"],
  ["pipeline: { steps: [{ name: a, run: x, params: { lr: 1, LR: 2 } }] }", "duplicate-param"],
  ["pipeline: { steps: [{ name: a, run: x, params: { a-b: 1 } }] }", "param-name"],
  ["pipeline: { steps: [] }", "range"],
  ["pipeline:", "wrong-type"],
  ["serving: {}", "needs-model"],
  ["rollout: {}", "needs-model"],
  ["model: { name: m, gate: [{ metric: a }] }", "gate"],
  ["model: { name: m, gate: [{ metric: a, min: 1, max: 2 }] }", "gate"],
  ["model: { name: m, gate: [{ metric: a, atLeastChampionMinus: -1 }] }", "range"],
  ["model: { name: m, gate: [{ metric: a, min: .nan }] }", "wrong-type"],
  ["model: { name: m, artifact: ../x }", "inner-path"],
  ["model: { name: m }\nrollout: { metrics: [{ name: accuracy, worseBy: 1pp }] }", "metric"],
  ["model: { name: m }\nrollout: { metrics: [{ name: errors, from: labels, worseBy: 1pp }] }", "metric"],
  ["model: { name: m }\nrollout: { metrics: [{ name: errors, worseBy: 1% }] }", "margin"],
  ["model: { name: m }\nrollout: { metrics: [{ name: errors, worseBy: 100pp }] }", "range"],
  [
    "model: { name: m }\nrollout: { metrics: [{ name: errors, worseBy: 1pp }, { name: errors, worseBy: 2pp }] }",
    "duplicate-metric",
  ],
  ["model: { name: m }\nrollout: { steps: [0, 5] }", "range"],
  ["model: { name: m }\nrollout: { steps: [5, 100] }", "range"],
  ["model: { name: m }\nrollout: { steps: [1.5] }", "wrong-type"],
  ["model: { name: m }\nrollout: { deadline: 0s }", "range"],
  ["model: { name: m }\nrollout: { approval: No One }", "dns-label"],
  ["model: { name: m }\nserving: { protocol: [v1, v1] }", "duplicate"],
  ["model: { name: m }\nserving: { maxBody: 4Gb }", "size"],
  ["model: { name: m }\nserving: { sticky: { header: 'a b' } }", "format"],
])("%s is refused by the rule %s", (text, rule) => {
  expect(problems(LEAST + text).map((problem) => problem.rule)).toEqual([rule]);
});

test.each(["environment", "Churn", "-a", "a-", "a.b", "9a", "x".repeat(64)])(
  "%s is no project's name",
  (name) => {
    expect(problems(LEAST.replace("churn", name))).toHaveLength(1);
  },
);

test.each(["../x", "/etc/passwd", "a/../../b", String.raw`a\b`, "C:/x", "~/x", "''", ".git/config"])(
  "%s isn't a path inside the folder",
  (path) => {
    const step = (key: string) => `${LEAST}pipeline: { steps: [{ name: a, run: x, ${key}: [${path}] }] }`;
    expect(problems(step("outputs"))).toMatchObject([{ rule: "inner-path" }]);
    expect(problems(step("inputs"))).toMatchObject([{ rule: "inner-path" }]);
  },
);

test("more than a hundred problems are counted", () => {
  const found = problems(LEAST + Array.from({ length: 150 }, (_, index) => `zz${index}: 1`).join("\n"));
  expect(found).toHaveLength(101);
  expect(found.at(-1)).toMatchObject({ rule: "too-many-problems", message: "there are 50 more problems" });
});

test("no text makes the parser throw or point outside the file", () => {
  const fragments = fc.constantFrom(
    ..."[]{}:,-?&*!|>%@`#'\"\n\t ".split(""),
    "&a ",
    "*a ",
    "name: ",
    "\n  - ",
    "pipeline: ",
    "steps: ",
    "---\n",
    "null",
    "1",
    "__proto__: ",
    "constructor: ",
    "🙂",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 60 }), fc.boolean(), (parts, prefixed) => {
      const text = (prefixed ? LEAST : "") + parts.join("");
      const lines = text.split("\n").length;
      for (const problem of problems(text)) {
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problem.line).toBeLessThanOrEqual(lines);
        expect(problem.column).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 400 },
  );
});

test("leaving out or misspelling any one key of a full project never goes unnoticed", () => {
  const lines = FULL.split("\n");
  for (const [index, line] of lines.entries()) {
    const key = /^( *(?:- (?:\{ )?)?)([A-Za-z]+):/.exec(line);
    if (key === null) continue;
    const broken = [...lines];
    broken[index] = line.replace(`${key[2]}:`, `${key[2]}x:`);
    expect(problems(broken.join("\n")).map((problem) => problem.rule)).toContain("unknown-key");
  }
});
