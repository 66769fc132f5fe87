import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withAsked, type AskedTraffic } from "../../src/rollout/asked-traffic.ts";
import { planProject } from "../../src/rollout/plan.ts";
import { planRoutes } from "../../src/rollout/plan-routes.ts";
import type { Project } from "../../src/spec/project.ts";
import { run } from "./run.ts";
import { asLocalCaller } from "../support/as-local-caller.ts";

const SPEC = `apiVersion: slipway/v1
kind: Project
name: churn
pipeline:
  steps:
    - { name: features, run: make features }
    - { name: train, run: make train, needs: [features] }
model: { name: churn, gate: [{ metric: accuracy, min: 0.9 }] }
`;

let folder: string;
let app: FastifyInstance;
let url: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-plan-"));
  writeFileSync(join(folder, "slipway.yaml"), SPEC);
  app = Fastify();
  asLocalCaller(app);
  const plan = async (project: Project, asked?: AskedTraffic) => {
    const { serving, rollout: policy } = project;
    const service = { name: "churn", project: "churn", champion: 7, challenger: null, serving, policy };
    const measured = { requestsPerSecond: 0.5, errorRate: 0.01, source: "measured" as const };
    return planProject(project, { service, traffic: withAsked(measured, asked) });
  };
  planRoutes(app, { advisor: { plan } });
  url = await app.listen({ port: 0, host: "127.0.0.1" });
});
afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const plan = (...argv: string[]) => run(["plan", folder, ...argv]);

test("a platform's plan: what is there, what changes, what the rollout comes to", async () => {
  const { code, out } = await plan("--url", url);
  expect(code).toBe(0);
  expect(out).toBe(`project churn
  service   churn: unchanged, champion version 7
  pipeline  2 steps: features, train (after features)
  gate      accuracy at least 0.9
  rollout   canary 5 % -> 25 % -> 50 %
            judged by errors (0.5 pp)
            rolls a version within its margins back with at most 1 %, promotes one beyond with at most 5 %
            undecided after 2 h: hold
            guard: taken out at 25 pp more errors or 400 % more latency than before
  traffic   0.5 requests/s, 1 % failed (measured)
  forecast  at 0.5 requests/s a version that fails 2.5 % instead of 1 % is found after about 9 h, later than the deadline of 2 h
  warning   at 0.5 requests/s a 0.5 pp margin of errors can't be proven in 2 h (about 7 h): it will hold
  warning   errors: a margin of 1.5 pp could be proven in about 1.1 h
`);
});

test("--traffic and --errors go before what is measured; --json gives the whole plan", async () => {
  const { code, out } = await plan("--url", url, "--traffic", "6000/min", "--errors", "0.1%", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    plan: {
      project: "churn",
      change: "unchanged",
      traffic: { requestsPerSecond: 100, errorRate: 0.001, source: "given" },
      forecast: { willHold: false },
      warnings: [],
    },
  });
});

test("without a platform it plans from the file and says so", async () => {
  const offline = await plan("--offline", "--traffic", "20/s");
  expect(offline).toMatchObject({ code: 0, err: "" });
  expect(offline.out).toContain("churn: no platform was asked what it is now");
  expect(offline.out).toContain("an equal version is promoted after about");
  await app.close();
  const away = await plan("--url", url);
  expect(away.code).toBe(0);
  expect(away.err).toContain("planned from the file alone");
  expect(away.out).toContain("the service's traffic isn't known");
});

test("what a push would be refused for: exit code 1, with its place", async () => {
  writeFileSync(join(folder, "slipway.yaml"), `${SPEC}environment: { python: none.txt }\n`);
  const missing = await plan("--offline");
  expect(missing.code).toBe(1);
  expect(missing.err).toMatch(/slipway\.yaml:9:24: the file isn't beside/);
  writeFileSync(join(folder, "slipway.yaml"), `${SPEC}rollout: { watch: 5m }\n`);
  const wrong = await plan("--url", url, "--json");
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.out)).toMatchObject({ ok: false, problems: [{ rule: "kind", line: 9 }] });
});

test.each([
  ["--traffic", "20"],
  ["--traffic", "-1/s"],
  ["--errors", "0.01"],
  ["--errors", "101%"],
])("%s %s is wrong use", async (option, value) => {
  const { code, err } = await plan("--offline", `${option}=${value}`);
  expect(code).toBe(2);
  expect(err).toContain(option);
});
