import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdvisor, type Advisor } from "../../src/rollout/advice.ts";
import { gatewayLimits } from "../../src/rollout/gateway-limits.ts";
import { planProject, type PlannedService } from "../../src/rollout/plan.ts";
import { planRoutes } from "../../src/rollout/plan-routes.ts";
import { planLines } from "../../src/rollout/plan-words.ts";
import { TrafficMeter } from "../../src/rollout/traffic-meter.ts";
import type { OutcomeCounter } from "../../src/serving/outcomes.ts";
import { parseProject } from "../../src/spec/parse.ts";
import type { Project } from "../../src/spec/project.ts";
import { World } from "./world.ts";
import { asLocalCaller } from "../support/as-local-caller.ts";

const HEAD = "apiVersion: slipway/v1\nkind: Project\nname: m\n";

function project(more = "", rollout = ""): Project {
  const parsed = parseProject(`${HEAD}model: { name: m }\nrollout: { ${rollout} }\n${more}`, "slipway.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function service(of: Project): PlannedService {
  return { name: "m", project: "m", champion: 3, challenger: null, serving: of.serving, policy: of.rollout };
}

const slow = { requestsPerSecond: 0.5, errorRate: 0.01, source: "measured" as const };
const fast = { ...slow, requestsPerSecond: 100 };

test("the same project changes nothing; another deadline is named with both values", () => {
  const before = project();
  expect(planProject(before, { service: service(before), traffic: fast })).toMatchObject({
    change: "unchanged",
    changes: [],
    warnings: [],
  });
  const after = project("serving: { timeout: 5s }", "deadline: 1h");
  expect(planProject(after, { service: service(before), traffic: fast })).toMatchObject({
    change: "changed",
    changes: ["serving.timeout: 2s -> 5s", "rollout.deadline: 2h -> 1h"],
  });
  expect(planProject(after, { service: null, traffic: undefined })).toMatchObject({
    change: "new",
    sentences: ["there is no champion yet: the first version takes over once its contract check has passed"],
  });
});

test("what a gateway's weights can't do is said, each at its setting", () => {
  const plain = project();
  const asked = project(
    "serving: { sticky: { header: x-user }, log: { sample: 10% }, scale: { min: 0 } }",
    "fallback: true, shadow: { share: 5 }, metrics: [{ name: errors, worseBy: 1pp }, { name: accuracy, from: labels, worseBy: 1pp }]",
  );
  const facts = { service: null, traffic: undefined };
  expect(gatewayLimits(plain)).toEqual([]);
  const told = planProject(plain, { ...facts, limits: [] });
  expect(told.sentences[0]).toContain("its share is what was observed");
  expect(planProject(plain, facts).sentences[0]).not.toContain("observed");
  const { warnings } = planProject(asked, { ...facts, limits: gatewayLimits(asked) });
  expect(warnings.map((line) => line.split(":", 1)[0])).toEqual([
    "rollout.shadow",
    "rollout.fallback",
    "rollout.metrics.1",
    "serving.scale.min",
    "serving.sticky",
    "serving.log",
  ]);
});

test("whoever lets a service sleep in a cluster is told of a deadline that is too short for a pod to come", () => {
  const facts = { service: null, traffic: undefined, isInPods: true };
  const warnings = (serving: string, more = {}) =>
    planProject(project(`serving: { ${serving} }`), { ...facts, ...more }).warnings;
  expect(warnings("scale: { min: 0 }")).toEqual([
    "serving.scale.min is 0, so the first request waits for a pod, which takes seconds; serving.timeout of 2 s ends most of them with 504",
  ]);
  expect(warnings("scale: { min: 0 }, timeout: 30s")).toEqual([]);
  expect(warnings("scale: { min: 1 }")).toEqual([]);
  expect(warnings("scale: { min: 0 }", { isInPods: false })).toEqual([]);
});

test("whoever counts by callers in a cluster is told where the rates hold", () => {
  const facts = { service: null, traffic: undefined };
  const warnings = (more: { isInPods?: boolean }) =>
    planProject(project("serving: { sticky: { header: x-user } }"), { ...facts, ...more }).warnings;
  expect(warnings({ isInPods: true })).toEqual([expect.stringMatching(/^serving\.sticky: each serve pod/)]);
  expect(warnings({})).toEqual([]);
});

test("changed settings are told as a person writes them, without what nobody wrote", () => {
  const before = project();
  const rollout =
    "shadow: { for: 10m }, guard: none, metrics: [{ name: errors, worseBy: 7pp }, " +
    "{ name: latency, quantile: 0.95, worseBy: 20% }, { name: a, from: labels, worseBy: 1pp, within: 10m }]";
  const after = project("serving: { scale: { min: 2 }, sticky: { header: x-user }, maxBody: 1Mi }", rollout);
  expect(planProject(after, { service: service(before), traffic: fast }).changes).toEqual([
    "serving.maxBody: 16Mi -> 1Mi",
    "serving.scale: { min: 1 } -> { min: 2 }",
    "serving.sticky: none -> { header: x-user }",
    "rollout.guard: { errors: 25pp, latency: 400% } -> none",
    "rollout.metrics: [{ name: errors, worseBy: 0.5pp }] -> [{ name: errors, worseBy: 7pp }, " +
      "{ name: latency, quantile: 0.95, worseBy: 20% }, { name: a, from: labels, worseBy: 1pp, within: 10m }]",
    "rollout.shadow: false -> { for: 10m }",
  ]);
  // Another version may have stored the keys in another order, or without those that are meant anyway.
  const metrics = [{ worseBy: 0.005, name: "errors" as const }];
  const stored = { ...service(before), policy: { ...before.rollout, metrics } };
  expect(planProject(before, { service: stored, traffic: fast }).change).toBe("unchanged");
});

test("a margin that can't be proven is a warning with numbers and a margin that could", () => {
  const plan = planProject(project(), { service: service(project()), traffic: slow });
  expect(plan.forecast?.willHold).toBe(true);
  expect(plan.warnings).toEqual([
    "at 0.5 requests/s a 0.5 pp margin of errors can't be proven in 2 h (about 7 h): it will hold",
    expect.stringMatching(/^errors: a margin of [\d.]+ pp could be proven in about /),
  ]);
});

test("a gate that lets through what the rollout takes out is a warning", () => {
  const text = `${HEAD}model: { name: m, gate: [{ metric: a, atLeastChampionMinus: 5pp }] }\nrollout: { metrics: [{ name: a, from: labels, worseBy: 1pp }] }\n`;
  const parsed = parseProject(text, "f");
  if (!parsed.ok) throw new Error("refused");
  expect(planProject(parsed.value, { service: undefined, traffic: undefined }).warnings).toEqual([
    "the gate lets a be 0.05 below the champion's, the rollout takes a version out that is more than 0.01 worse",
  ]);
});

test("never is null in JSON, not a number", () => {
  const none = { ...slow, requestsPerSecond: 0 };
  const plan = planProject(project(), { service: service(project()), traffic: none });
  expect(JSON.parse(JSON.stringify(plan.forecast))).toEqual({
    metrics: [{ metric: "errors", promotes: null, takesOut: null }],
    promotes: null,
    takesOut: null,
    willHold: true,
  });
});

test("the words of a plan name everything that the rollout does", () => {
  const made = project(
    "",
    "shadow: { for: 10m, share: 20 }, fallback: true, approval: lead, metrics: [{ name: latency, quantile: 0.95, worseBy: 20% }, { name: a, from: labels, worseBy: 1pp, within: 10m }]",
  );
  const text = planLines(planProject(made, { service: service(made), traffic: fast })).join("\n");
  for (const words of [
    "service   m: unchanged, champion version 3",
    "canary 5 % -> 25 % -> 50 %",
    "shadow: copies of 20 % for 10 min",
    "latency p95 (20 %, at least 5 ms); a from labels (1 pp, labels count after 10 min)",
    "undecided after 2 h: hold",
    "answered by the champion",
    "waits for the yes of lead",
    "guard: taken out at 25 pp more errors or 400 % more latency than before",
    "100 requests/s, 1 % failed (measured)",
    "how long requests take isn't known yet: nothing can be said about latency",
  ])
    expect(text).toContain(words);
});

describe("against a platform's database", () => {
  let app: FastifyInstance;
  let world: World;
  let advisor: Advisor;
  const meter = (perSecond: number): TrafficMeter => {
    const made = new TrafficMeter();
    for (let at = 0; at <= 60_000; at += 5000) {
      const finished = (perSecond * at) / 1000;
      const histogram = { counts: [], sum: 0 };
      const counter: OutcomeCounter = {
        service: "m",
        version: 1,
        epoch: "c",
        share: 0,
        arm: "champion",
        incarnation: "i",
        started: finished,
        finished,
        failed: 0,
        aborted: 0,
        fellBack: 0,
        latency: histogram,
        abortedLatency: histogram,
      };
      made.observe({ at, incarnation: "i", counters: [counter], shadows: [] });
    }
    return made;
  };
  const open = (perSecond: number): Advisor =>
    createAdvisor({ db: world.db, clock: world.clock, meter: meter(perSecond), log: () => {} });

  beforeEach(async () => {
    world = new World();
    world.versions.set(1, { fails: 0.01 });
    const rollouts = world.open();
    await rollouts.request(world.request(1));
    await world.settle(rollouts);
    advisor = open(0.05);
    app = Fastify();
    asLocalCaller(app);
    planRoutes(app, { advisor });
  });
  afterEach(() => app.close());

  const text = `${HEAD}model: { name: m }\n`;
  const post = async (body: object) =>
    (await app.inject({ method: "POST", url: "/api/slipway/v1/plan", payload: body })).json() as {
      ok: boolean;
      problems: { rule: string; line: number }[];
      plan: ReturnType<typeof planProject>;
    };

  test("the plan is made for the traffic that is measured, or for what is asked", async () => {
    const measured = (await post({ text })).plan;
    expect(measured.service).toMatchObject({ name: "m", champion: 1 });
    expect(measured.traffic).toMatchObject({ source: "measured" });
    expect(measured.traffic?.requestsPerSecond).toBeCloseTo(0.05, 6);
    expect(measured.forecast?.willHold).toBe(true);
    const asked = (await post({ text, traffic: { requestsPerSecond: 1000 } })).plan;
    expect(asked.traffic).toMatchObject({ requestsPerSecond: 1000, source: "given" });
    expect(asked.forecast?.willHold).toBe(false);
  });

  test("what a push would be refused for comes with its place", async () => {
    const answer = await post({ text: `${text}rollout: { kind: instant, steps: [5] }\n` });
    expect(answer).toMatchObject({ ok: false, problems: [{ rule: "kind", line: 5 }] });
  });

  test("advice at a push: only what can't be decided", async () => {
    const lines = await advisor.advise(project());
    expect(lines[0]).toMatch(
      /^rollout: at 0\.05 requests\/s a 0\.5 pp margin of errors can't be proven in 2 h \(about \d+.*\): it will hold$/,
    );
    expect(await open(1000).advise(project())).toEqual([]);
  });

  test("a database that fails keeps no push from going on", async () => {
    const lines: string[] = [];
    const db = { ...world.db, read: () => Promise.reject(new Error("away")) };
    const deaf = createAdvisor({ db, clock: world.clock, meter: meter(1), log: (line) => lines.push(line) });
    expect(await deaf.advise(project())).toEqual([]);
    expect(lines).toEqual(["no advice about the push of m"]);
  });
});
