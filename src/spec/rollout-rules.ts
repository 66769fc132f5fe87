import { describeValue, valueAt, type Issue, type Path } from "./issue.ts";
import { durationWords, parseDuration, parsePercent, parsePoints } from "./units.ts";

const DEADLINE = 7_200_000;
const TIMEOUT = 2000;
/** A step's share must be committed, taken over by the router and looked at before the next one. */
const LEAST_PER_STEP = 1000;
/** Keys of the comparison with the champion: they say something where there is one. */
const COMPARISON = ["metrics", "falseRollbackRate", "falsePromotionRate", "deadline", "onNotEnoughData"];

/**
 * What relates keys of the rollout section, and of the gates before it, to each other: keys that a kind or a metric
 * doesn't read, and numbers that contradict each other whatever the traffic is. Reads the file's plain data; whatever
 * has the wrong type is the schema's business.
 */
export function rolloutIssues(data: unknown): Issue[] {
  const metrics = valueAt(data, ["rollout", "metrics"]);
  const list = Array.isArray(metrics) ? metrics : [];
  return [
    ...kindIssues(data),
    ...timeIssues(data),
    ...duplicateIssues(list),
    ...list.flatMap((metric: unknown, index) => metricIssues(data, metric, index)),
    ...gateIssues(data),
  ];
}

function given(data: unknown, ...path: string[]): { path: Path; given: string } | undefined {
  const value = valueAt(data, path);
  return value === undefined ? undefined : { path, given: describeValue(value) };
}

function kindIssues(data: unknown): Issue[] {
  const kind = valueAt(data, ["rollout", "kind"]) ?? "canary";
  if (kind !== "canary" && kind !== "blue-green" && kind !== "instant") return [];
  const issues: Issue[] = [];
  const refuse = (key: string, why: string, allowed: string): void => {
    const found = given(data, "rollout", key);
    if (found) issues.push({ ...found, at: "key", rule: "kind", message: `${key} ${why}`, allowed });
  };
  if (kind !== "blue-green")
    refuse("watch", `says nothing about ${kind}`, "watch together with kind: blue-green");
  if (kind === "canary") return issues;
  refuse(
    "steps",
    `says nothing about ${kind}, which takes over all at once`,
    "steps together with kind: canary",
  );
  if (!hasShadow(data))
    for (const key of COMPARISON) {
      const why = `says nothing about ${kind}: without a shadow no challenger is compared with the champion`;
      refuse(key, why, `${key} together with kind: canary, or with shadow`);
    }
  if (kind === "instant" && !hasShadow(data)) {
    const isOff = valueAt(data, ["rollout", "guard"]) === "none";
    if (!isOff) refuse("guard", "says nothing about instant: nothing is watched after it", "guard: none");
  }
  if (kind === "instant" && valueAt(data, ["rollout", "fallback"]) === true)
    refuse("fallback", "can't be had with instant: the champion's workers are ended", "canary or blue-green");
  return issues;
}

function hasShadow(data: unknown): boolean {
  const shadow = valueAt(data, ["rollout", "shadow"]);
  return shadow !== undefined && shadow !== false;
}

function timeOf(data: unknown, path: readonly string[], fallback: number): number | undefined {
  const text = valueAt(data, path);
  if (text === undefined) return fallback;
  return typeof text === "string" ? parseDuration(text) : undefined;
}

function deadlineOf(data: unknown): number | undefined {
  return timeOf(data, ["rollout", "deadline"], DEADLINE);
}

function timeIssues(data: unknown): Issue[] {
  const deadline = deadlineOf(data);
  if (deadline === undefined) return [];
  const issues: Issue[] = [];
  const steps = valueAt(data, ["rollout", "steps"]);
  const least = (Array.isArray(steps) ? steps.length : 3) * LEAST_PER_STEP;
  const found = given(data, "rollout", "deadline");
  const isInRange = deadline >= LEAST_PER_STEP;
  if (found && isInRange && deadline < least && (valueAt(data, ["rollout", "kind"]) ?? "canary") === "canary")
    issues.push({
      ...found,
      at: "value",
      rule: "contradiction",
      message: `${least / LEAST_PER_STEP} steps can't be gone in ${durationWords(deadline)}`,
      allowed: `at least ${durationWords(LEAST_PER_STEP)} for each step: ${durationWords(least)}`,
    });
  return issues;
}

function duplicateIssues(list: readonly unknown[]): Issue[] {
  const seen = new Set<string>();
  const issues: Issue[] = [];
  for (const [index, metric] of list.entries()) {
    const name = valueAt(metric, ["name"]);
    if (typeof name !== "string") continue;
    if (seen.has(name))
      issues.push({
        path: ["rollout", "metrics", index, "name"],
        at: "value",
        rule: "duplicate-metric",
        message: `the metric ${describeValue(name)} is judged twice`,
        given: describeValue(name),
        allowed: "each metric once",
      });
    seen.add(name);
  }
  return issues;
}

/** Which keys a metric takes beside name and worseBy. */
const KEYS: Readonly<Record<"errors" | "latency" | "labels", readonly string[]>> = {
  errors: [],
  latency: ["quantile", "floor"],
  labels: ["from", "within"],
};

function metricIssues(data: unknown, metric: unknown, index: number): Issue[] {
  const name = valueAt(metric, ["name"]);
  if (typeof name !== "string") return [];
  const kind = name === "errors" || name === "latency" ? name : "labels";
  const path = ["rollout", "metrics", index];
  const issues: Issue[] = [];
  for (const key of ["from", "quantile", "floor", "within"]) {
    const value = valueAt(metric, [key]);
    if (value === undefined || KEYS[kind].includes(key)) continue;
    issues.push({
      path: [...path, key],
      at: "key",
      rule: "metric",
      message:
        key === "from"
          ? `${name} is measured by the platform and takes no \`from\``
          : `${key} says nothing about ${kind === "labels" ? "a metric from labels" : name}`,
      given: describeValue(value),
      allowed: ["name", "worseBy", ...KEYS[kind]].join(", "),
    });
  }
  return [...issues, ...marginIssues(metric, kind, path), ...withinMetric(data, metric, kind, path)];
}

function marginIssues(metric: unknown, kind: keyof typeof KEYS, path: Path): Issue[] {
  const worseBy = valueAt(metric, ["worseBy"]);
  if (typeof worseBy !== "string") return [];
  const isRelative = parsePercent(worseBy) !== undefined;
  if (!isRelative && parsePoints(worseBy) === undefined) return [];
  if (isRelative === (kind === "latency")) return [];
  const issue = {
    path: [...path, "worseBy"],
    at: "value" as const,
    rule: "margin",
    given: describeValue(worseBy),
  };
  if (isRelative)
    return [
      {
        ...issue,
        message: `${worseBy} is relative; the margin of a rate is in percentage points`,
        allowed: "percentage points above 0pp and below 50pp, such as 0.5pp",
      },
    ];
  return [
    {
      ...issue,
      message: `${worseBy} is a difference of rates; the margin of a latency is relative`,
      allowed: "a percentage above 0% and at most 1000%, such as 20%",
    },
  ];
}

/** A wait that eats up the deadline, and a floor that no request can reach. */
function withinMetric(data: unknown, metric: unknown, kind: keyof typeof KEYS, path: Path): Issue[] {
  const issues: Issue[] = [];
  const deadline = deadlineOf(data);
  const within = timeOf(metric, ["within"], 0);
  if (kind === "labels" && deadline !== undefined && within !== undefined && within >= deadline)
    issues.push({
      path: [...path, "within"],
      at: "value",
      rule: "contradiction",
      message: `no label would count before the deadline: it counts after ${durationWords(within)}, the deadline is ${durationWords(deadline)}`,
      given: describeValue(valueAt(metric, ["within"])),
      allowed: `less than the deadline, ${durationWords(deadline)}`,
    });
  const timeout = timeOf(data, ["serving", "timeout"], TIMEOUT);
  const floor = timeOf(metric, ["floor"], 0);
  if (kind === "latency" && timeout !== undefined && floor !== undefined && floor >= timeout)
    issues.push({
      path: [...path, "floor"],
      at: "value",
      rule: "contradiction",
      message: `a difference below ${durationWords(floor)} would never be worse, and every request ends at serving.timeout, ${durationWords(timeout)}`,
      given: describeValue(valueAt(metric, ["floor"])),
      allowed: `less than serving.timeout, ${durationWords(timeout)}`,
    });
  return issues;
}

/** A metric that must be both above and below. */
function gateIssues(data: unknown): Issue[] {
  const gates = valueAt(data, ["model", "gate"]);
  if (!Array.isArray(gates)) return [];
  const least = new Map<string, number>();
  for (const gate of gates as unknown[]) {
    const metric = valueAt(gate, ["metric"]);
    const min = valueAt(gate, ["min"]);
    if (typeof metric === "string" && typeof min === "number")
      least.set(metric, Math.max(min, least.get(metric) ?? min));
  }
  return (gates as unknown[]).flatMap((gate, index): Issue[] => {
    const metric = valueAt(gate, ["metric"]);
    const max = valueAt(gate, ["max"]);
    const min = typeof metric === "string" ? least.get(metric) : undefined;
    if (typeof max !== "number" || min === undefined || min <= max) return [];
    return [
      {
        path: ["model", "gate", index, "max"],
        at: "value",
        rule: "contradiction",
        message: `no ${describeValue(metric)} is at least ${min} and at most ${max}: no version would ever pass`,
        given: String(max),
        allowed: `at least ${min}`,
      },
    ];
  });
}
