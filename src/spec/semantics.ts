import { findCycle } from "./graph.ts";
import { describeValue, valueAt } from "./issue.ts";
import type { Issue } from "./issue.ts";
import { nearest } from "./nearest.ts";
import { rolloutIssues } from "./rollout-rules.ts";

/**
 * What relates several keys to each other. Looks at the file's plain data before the schema has accepted it, so
 * that these problems come together with all others; whatever has the wrong type is the schema's business.
 */
export function findInconsistencies(data: unknown): Issue[] {
  const steps = readSteps(data);
  return [
    ...environmentIssues(data),
    ...modelIssues(data),
    ...stepNameIssues(steps),
    ...needsIssues(steps),
    ...steps.flatMap((step) => paramIssues(step)),
    ...rolloutIssues(data),
  ];
}

interface RawStep {
  index: number;
  name: string | undefined;
  needs: { index: number; name: string }[];
  params: string[];
}

function listAt(data: unknown, path: readonly string[]): unknown[] {
  const list = valueAt(data, path);
  return Array.isArray(list) ? list : [];
}

function keysAt(data: unknown, path: readonly string[]): string[] {
  const map = valueAt(data, path);
  return typeof map === "object" && map !== null && !Array.isArray(map) ? Object.keys(map) : [];
}

function readSteps(data: unknown): RawStep[] {
  return listAt(data, ["pipeline", "steps"]).map((step, index) => {
    const name = valueAt(step, ["name"]);
    const needs = listAt(step, ["needs"])
      .map((need, position) => ({ index: position, name: need }))
      .filter((need): need is { index: number; name: string } => typeof need.name === "string");
    return {
      index,
      name: typeof name === "string" ? name : undefined,
      needs,
      params: keysAt(step, ["params"]),
    };
  });
}

function environmentIssues(data: unknown): Issue[] {
  const kinds = keysAt(data, ["environment"]).filter((key) => key === "python" || key === "node");
  const second = kinds[1];
  if (second === undefined) return [];
  return [
    {
      path: ["environment", second],
      at: "key",
      rule: "only-one",
      message: "environment has both python and node",
      given: kinds.join(" and "),
      allowed: "at most one of python, node",
    },
  ];
}

function modelIssues(data: unknown): Issue[] {
  const keys = keysAt(data, []);
  if (keys.includes("model")) return [];
  return ["serving", "rollout"]
    .filter((key) => keys.includes(key))
    .map((key) => ({
      path: [key],
      at: "key" as const,
      rule: "needs-model",
      message: `${key} is given without a model to serve`,
      allowed: `${key} together with model`,
    }));
}

function stepNameIssues(steps: readonly RawStep[]): Issue[] {
  const first = new Map<string, number>();
  const issues: Issue[] = [];
  for (const { index, name } of steps) {
    if (name === undefined) continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    else
      issues.push({
        path: ["pipeline", "steps", index, "name"],
        at: "value",
        rule: "duplicate-step",
        message: `a step named ${describeValue(name)} exists already, as step ${earlier + 1}`,
        given: describeValue(name),
        allowed: "a name of its own for each step",
      });
  }
  return issues;
}

function needsIssues(steps: readonly RawStep[]): Issue[] {
  const names = new Set(steps.map((step) => step.name).filter((name) => name !== undefined));
  const issues: Issue[] = [];
  for (const step of steps)
    for (const need of step.needs) {
      if (names.has(need.name)) continue;
      const near = nearest(need.name, names);
      const guess = near === undefined ? "" : `; did you mean ${describeValue(near)}?`;
      issues.push({
        path: ["pipeline", "steps", step.index, "needs", need.index],
        at: "value",
        rule: "unknown-step",
        message: `there is no step named ${describeValue(need.name)}${guess}`,
        given: describeValue(need.name),
        allowed: [...names].slice(0, 20).join(", "),
      });
    }
  const cycle = findCycle(
    new Map(
      steps.flatMap((step) => (step.name === undefined ? [] : [[step.name, step.needs.map((n) => n.name)]])),
    ),
  );
  if (cycle !== undefined) issues.push(cycleIssue(steps, cycle));
  return issues;
}

function cycleIssue(steps: readonly RawStep[], cycle: readonly string[]): Issue {
  const step = steps.findLast(({ name }) => name === cycle[0]) as RawStep;
  const need = step.needs.find(({ name }) => name === cycle[1]);
  const shown = cycle.length > 12 ? [...cycle.slice(0, 10), "…", ...cycle.slice(-1)] : cycle;
  return {
    path: ["pipeline", "steps", step.index, "needs", need?.index ?? 0],
    at: "value",
    rule: "cycle",
    message: `steps wait for each other: ${shown.map((name) => describeValue(name).slice(1, -1)).join(" needs ")}`,
    allowed: "needs without a way round",
  };
}

/** Names that differ in case only would be one environment variable. */
function paramIssues(step: RawStep): Issue[] {
  const seen = new Map<string, string>();
  const issues: Issue[] = [];
  for (const name of step.params) {
    const variable = `SLIPWAY_PARAM_${name.toUpperCase()}`;
    const other = seen.get(variable);
    if (other === undefined) seen.set(variable, name);
    else
      issues.push({
        path: ["pipeline", "steps", step.index, "params", name],
        at: "key",
        rule: "duplicate-param",
        message: `${describeValue(name)} and ${describeValue(other)} are both ${variable}`,
        allowed: "names that differ in more than case",
      });
  }
  return issues;
}
