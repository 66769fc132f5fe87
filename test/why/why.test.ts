import Fastify from "fastify";
import { expect, test } from "vitest";
import type { PodReport } from "../../src/base/pod-report.ts";
import { toSlipwayError } from "../../src/http/errors.ts";
import type { WhyAnswer } from "../../src/why/answer.ts";
import { asLocalCaller } from "../support/as-local-caller.ts";
import { whyRoutes } from "../../src/why/routes.ts";
import type {
  WhyEvent,
  WhyOrigin,
  WhyPipelineRun,
  WhyRequest,
  WhyRollout,
  WhyService,
  WhySources,
  WhyVersion,
} from "../../src/why/sources.ts";

interface World {
  runs?: WhyPipelineRun[];
  versions?: WhyVersion[];
  rollouts?: WhyRollout[];
  services?: WhyService[];
  events?: Record<string, WhyEvent[]>;
  stepLogs?: Record<string, string[]>;
  variantLogs?: Record<string, string[]>;
  pods?: Record<string, PodReport[]>;
  requests?: WhyRequest[];
  origin?: WhyOrigin;
}

function sources(world: World): WhySources {
  return {
    request: async (id) => {
      const request = world.requests?.find((one) => one.id === id);
      const kept = { idsSince: Date.UTC(2026, 10, 21), valuesSince: null };
      return request === undefined ? { kept } : { request, kept };
    },
    origin: async () => world.origin,
    pipelineRun: async (id) => world.runs?.find((run) => run.id === id),
    version: async (model, version) =>
      world.versions?.find((v) => v.model === model && v.version === version),
    rollout: async (id) => world.rollouts?.find((rollout) => rollout.id === id),
    service: async (model) => world.services?.find((service) => service.name === model),
    rolloutOf: async (model, version) =>
      world.rollouts?.find((r) => r.model === model && r.version === version),
    events: async (subject) => world.events?.[subject] ?? [],
    stepLog: async (run, step, lines) => (world.stepLogs?.[`${run}/${step}`] ?? []).slice(-lines),
    variantLog: async (model, version, lines) =>
      (world.variantLogs?.[`${model}/${version}`] ?? []).slice(-lines),
    variantPods: async (model, version) => world.pods?.[`${model}/${version}`] ?? [],
    stepPods: async (run, step) => world.pods?.[`${run}/${step}`] ?? [],
  };
}

/** Asks the route; answers status and body. */
async function ask(world: World, name: string): Promise<{ status: number; body: WhyAnswer }> {
  const app = Fastify();
  app.setErrorHandler((thrown, _, reply) => {
    const error = toSlipwayError(thrown);
    return reply.status(error.status).send(error.toJSON());
  });
  asLocalCaller(app);
  whyRoutes(app, { sources: () => sources(world) });
  const response = await app.inject(`/api/slipway/v1/why/${name}`);
  await app.close();
  return { status: response.statusCode, body: response.json<WhyAnswer>() };
}

const RUN: WhyPipelineRun = {
  id: "pr-1",
  project: "digits",
  commit: "c0ffee",
  state: "succeeded",
  reason: null,
  createdAt: 100,
  finishedAt: 200,
  steps: [{ name: "train", state: "succeeded", reason: null, code: null, finishedAt: 150, inputs: [] }],
  model: "digits",
  version: 2,
};
const VERSION: WhyVersion = {
  model: "digits",
  version: 2,
  createdAt: 200,
  aliases: [],
  pipelineRunId: "pr-1",
  commit: "c0ffee",
  runsAs: null,
};
const ROLLOUT: WhyRollout = {
  id: "ro-1",
  model: "digits",
  version: 2,
  state: "rolledback",
  reason: "worse",
  sentence: "accuracy is worse by more than 1pp",
  createdAt: 300,
  changedAt: 400,
  pipelineRunId: "pr-1",
  commit: "c0ffee",
  failedCheck: false,
};
const SERVICE: WhyService = {
  name: "digits",
  state: "rolledback",
  champion: 1,
  challenger: null,
  weight: 0,
  rolloutId: "ro-1",
  commit: "e0",
  changedAt: 500,
  notReady: [],
};
const WORLD: World = { runs: [RUN], versions: [VERSION], rollouts: [ROLLOUT], services: [SERVICE] };

function names({ chain }: WhyAnswer): string[] {
  return chain.map((link) => `${link.kind}/${link.name}`);
}

test("a failed pipeline run is led to the step that failed first, with its log and commit", async () => {
  const run: WhyPipelineRun = {
    ...RUN,
    state: "failed",
    model: null,
    version: null,
    steps: [
      {
        name: "check",
        state: "failed",
        reason: "exit code 2",
        code: "STEP_FAILED",
        finishedAt: 180,
        inputs: [],
      },
      {
        name: "train",
        state: "failed",
        reason: "exit code 1",
        code: "STEP_FAILED",
        finishedAt: 150,
        inputs: [],
      },
      { name: "last", state: "skipped", reason: null, code: null, finishedAt: null, inputs: [] },
    ],
  };
  const log = [...Array.from({ length: 50 }, (_, index) => `line ${index}`), "KeyError: 'age'"];
  const { status, body } = await ask({ runs: [run], stepLogs: { "pr-1/train": log } }, "run/pr-1");
  expect(status).toBe(200);
  expect(names(body)).toEqual(["run/pr-1", "step/pr-1/train"]);
  expect(body.chain[0]).toMatchObject({
    commit: "c0ffee",
    at: 200,
    message: "project digits: step train failed",
  });
  expect(body.chain[1]?.log?.at(-1)).toBe("KeyError: 'age'");
  expect(body.chain[1]?.log).toHaveLength(8);
  expect(body.rootCause).toBe("step/pr-1/train is failed: exit code 1");
});

const POD: PodReport = {
  name: "red/digits-v2-1",
  state: "Pending",
  at: 90,
  message: "on no node yet; PodScheduled: 0/1 nodes are available",
  events: ["FailedScheduling (3 times): 0/1 nodes are available"],
  log: [],
};

test("a step that can't begin is told with its cause and its pod, while its pipeline run goes on", async () => {
  const step = { name: "train", state: "preparing", finishedAt: null, inputs: [] };
  const kept = { ...step, reason: "no node has room for it", code: "STEP_UNSCHEDULABLE" };
  const run = { ...RUN, state: "running", steps: [kept], model: null, version: null };
  const { body } = await ask({ runs: [run], pods: { "pr-1/train": [POD] } }, "run/pr-1");
  expect(names(body)).toEqual(["run/pr-1", "step/pr-1/train", "pod/red/digits-v2-1"]);
  expect(body.chain[0]?.message).toBe("project digits: step train can't begin");
  expect(body.chain[2]).toMatchObject({ state: "Pending", log: POD.events });
  expect(body.rootCause).toBe("step/pr-1/train is preparing: no node has room for it (STEP_UNSCHEDULABLE)");
});

test("a variant that isn't ready is told with its pods, whose logs are told once", async () => {
  const notReady = [{ version: 2, reason: "exceeded quota", code: "QUOTA_EXCEEDED" }];
  const world = {
    services: [{ ...SERVICE, rolloutId: null, notReady }],
    variantLogs: { "digits/2": ["printed"] },
    pods: { "digits/2": [{ ...POD, log: ["printed"] }] },
  };
  const { body } = await ask(world, "service/digits");
  expect(names(body).slice(0, 2)).toEqual(["service/digits", "pod/red/digits-v2-1"]);
  expect(body.chain[0]?.log).toBeUndefined();
  expect(body.chain[1]?.log).toEqual([...POD.events, "printed"]);
  expect(body.rootCause).toContain("version 2 isn't ready: exceeded quota (QUOTA_EXCEEDED)");
});

test("a failed gate is the pipeline run's own reason", async () => {
  const run = { ...RUN, state: "failed", reason: "gate failed: accuracy is 0.81, at least 0.9 is needed" };
  const { body } = await ask({ runs: [run] }, "run/pr-1");
  expect(body.rootCause).toContain("accuracy is 0.81, at least 0.9 is needed");
});

test("a service is led by its rollout to the verdict; what made the version is shown, not blamed", async () => {
  const { body } = await ask(WORLD, "service/digits");
  expect(names(body)).toEqual(["service/digits", "rollout/ro-1", "version/digits/2", "run/pr-1"]);
  expect(body.rootCause).toBe(
    "rollout/ro-1 is rolledback: version 2 of digits: accuracy is worse by more than 1pp",
  );
  expect(body.chain.map((link) => link.commit)).toEqual(["e0", "c0ffee", "c0ffee", "c0ffee"]);
});

test("a version is led to its rollout, a rollout to its version", async () => {
  expect(names((await ask(WORLD, "version/digits/2")).body)).toEqual([
    "version/digits/2",
    "rollout/ro-1",
    "run/pr-1",
  ]);
  expect(names((await ask(WORLD, "rollout/ro-1")).body)).toEqual([
    "rollout/ro-1",
    "version/digits/2",
    "run/pr-1",
  ]);
});

test("a failed contract check shows what the worker said", async () => {
  const rollout = { ...ROLLOUT, reason: "contract-check", sentence: "it can't be loaded", failedCheck: true };
  const world = {
    ...WORLD,
    rollouts: [rollout],
    variantLogs: { "digits/2": ["Load model failed: bad protobuf"] },
  };
  const { body } = await ask(world, "rollout/ro-1");
  expect(body.chain[0]).toMatchObject({ log: ["Load model failed: bad protobuf"] });
  expect(body.rootCause).toContain("it can't be loaded");
});

test("a variant that isn't ready is the cause, though its rollout went well", async () => {
  const service = {
    ...SERVICE,
    state: "degraded",
    champion: 2,
    notReady: [{ version: 2, reason: "killed by SIGSEGV" }],
  };
  const world = {
    ...WORLD,
    rollouts: [{ ...ROLLOUT, state: "promoted", reason: null }],
    services: [service],
    variantLogs: { "digits/2": ["segmentation fault"] },
  };
  const { body } = await ask(world, "service/digits");
  expect(body.chain[0]).toMatchObject({
    message: "version 2 isn't ready: killed by SIGSEGV",
    log: ["segmentation fault"],
  });
  expect(body.rootCause).toBe("service/digits is degraded: version 2 isn't ready: killed by SIGSEGV");
});

test("no link says again what another one says", async () => {
  const message = "the worker's answer isn't the recorded one: 0.2 instead of 0.9";
  const failed = {
    ...ROLLOUT,
    reason: message,
    sentence: `version 2 never got a request: ${message}`,
    failedCheck: true,
  };
  const trouble: WhyEvent[] = [{ at: 1, level: "error", kind: "rollout.contract-failed", message }];
  const world: World = {
    ...WORLD,
    rollouts: [failed],
    services: [{ ...SERVICE, champion: null, state: "empty" }],
    events: { "service/digits": trouble, "version/digits/2": trouble, "pipeline-run/pr-1": trouble },
  };
  const { body } = await ask(world, "service/digits");
  const told = body.chain.filter((link) => `${link.state} ${link.message}`.includes(message));
  expect(told.map(({ kind }) => kind)).toEqual(["rollout"]);
  expect(body.rootCause).toBe(`rollout/ro-1 is rolledback: version 2 never got a request: ${message}`);
});

test("a challenger that a person's commit named, and no rollout judges, is what is wrong", async () => {
  const world: World = {
    ...WORLD,
    rollouts: [{ ...ROLLOUT, state: "promoted", reason: null }],
    services: [{ ...SERVICE, state: "steady", challenger: 2, weight: 5 }],
  };
  const { body } = await ask(world, "service/digits");
  expect(body.rootCause).toBe(
    "service/digits is steady: version 1 is champion, version 2 gets 5 % by a commit of a person: no rollout judges it",
  );
});

test("where nothing is wrong it says so", async () => {
  const { body } = await ask({ runs: [RUN] }, "run/pr-1");
  expect(body.rootCause).toBe("nothing is wrong: project digits: made version 2 of digits");
});

test("the newest error about a cancelled pipeline run is its reason when it gave none", async () => {
  const events: WhyEvent[] = [
    { at: 3, level: "info", kind: "pipeline-run.finished", message: "done" },
    { at: 2, level: "warn", kind: "w", message: "slow disk" },
    { at: 1, level: "error", kind: "e", message: "cancelled by ana" },
  ];
  const { body } = await ask(
    { runs: [{ ...RUN, state: "cancelled" }], events: { "pipeline-run/pr-1": events } },
    "run/pr-1",
  );
  expect(body.rootCause).toContain("cancelled by ana");
});

test("a cancelled pipeline run doesn't say its own name and state again", async () => {
  const events: WhyEvent[] = [{ at: 1, level: "warn", kind: "c", message: "pipeline run pr-1 cancelled" }];
  const world = { runs: [{ ...RUN, state: "cancelled" }], events: { "pipeline-run/pr-1": events } };
  expect((await ask(world, "run/pr-1")).body.chain[0]?.message).toBe("project digits: somebody cancelled it");
});

test("long texts are cut: one screen", async () => {
  const { body } = await ask({ runs: [{ ...RUN, state: "failed", reason: "x".repeat(5000) }] }, "run/pr-1");
  expect(body.chain[0]?.message.length).toBe(500);
});

test.each([
  ["run/none", 404],
  ["service/none", 404],
  ["version/digits/9", 404],
  ["version/digits/x", 400],
  ["version/digits", 400],
  ["run/a/b", 400],
  ["thing/a", 400],
])("%s answers %i", async (name, status) => {
  expect((await ask({}, name)).status).toBe(status);
});

const REQUEST: WhyRequest = {
  id: "order-17",
  at: 500,
  service: "digits",
  version: 2,
  arm: "challenger",
  status: 200,
  latencyMs: 3.14,
  commit: "e0e0e0",
  isDirect: false,
  fallbackVersion: null,
  prediction: "[8]",
  error: null,
  values: { rows: 2, inputs: "x_0 1, x_1 2", outputs: "label 8" },
};
const ORIGIN: WhyOrigin = {
  runId: "tr-1",
  runName: "forest",
  user: "ana",
  experimentName: "digits",
  commit: "c0ffee",
  pipelineRunId: "pr-1",
  isRunThere: true,
  datasets: [
    {
      name: "digits-train",
      digest: "1a2b3c4d",
      context: "training",
      source: '{"uri": "s3://data/digits.csv"}',
    },
  ],
};

test("a request: the version that answered it, what made that, and the data it was trained on", async () => {
  const run = { ...RUN, steps: [{ ...RUN.steps[0]!, inputs: ["data/raw.csv"] }] };
  const world = { requests: [REQUEST], versions: [VERSION], runs: [run], origin: ORIGIN };
  const { body } = await ask(world, "request/order-17");
  expect(
    body.chain.map(({ kind, name, state, message, commit }) => [kind, name, state, message, commit]),
  ).toEqual([
    [
      "request",
      "order-17",
      "200",
      "version 2 of digits (challenger, environment commit e0e0e0) answered in 3.1 ms",
      undefined,
    ],
    ["version", "digits/2", "registered", "made by pipeline run pr-1", "c0ffee"],
    ["run", "pr-1", "succeeded", "project digits: made version 2 of digits", "c0ffee"],
    ["tracking-run", "tr-1", "in digits", '"forest" logged by ana', "c0ffee"],
    ["data", "digits-train", "digest 1a2b3c4d", "training, from s3://data/digits.csv", undefined],
    ["data", "inputs of run/pr-1", "as committed", "step train read data/raw.csv", "c0ffee"],
  ]);
  expect(body.chain[0]?.log).toEqual(["input   x_0 1, x_1 2", "output  label 8", "(the first of 2 rows)"]);
  expect(body.rootCause).toBe(
    "nothing is wrong: version 2 of digits (challenger, environment commit e0e0e0) answered in 3.1 ms",
  );
  expect(body.request).toMatchObject({ id: "order-17", pipelineRunId: "pr-1", origin: { runId: "tr-1" } });
});

test("a request that failed says why; one that wasn't sampled says so", async () => {
  const failed = { ...REQUEST, status: 503, error: "too much at once", values: null, latencyMs: null };
  const { body } = await ask({ requests: [failed] }, "request/order-17");
  expect(body.chain).toHaveLength(1);
  expect(body.chain[0]?.message).toBe(
    "version 2 of digits (challenger, environment commit e0e0e0) failed; its inputs and outputs aren't kept",
  );
  expect(body.rootCause).toBe("request/order-17 is 503: too much at once");
});

test("of an id that isn't kept it says what is, and since when", async () => {
  const { status, body } = await ask({}, "request/order-18");
  expect(status).toBe(404);
  expect(body).toMatchObject({
    code: "REQUEST_NOT_KEPT",
    message:
      'no prediction with the id "order-18" is kept: ids are kept since 2026-11-21T00:00:00Z, no inputs and outputs yet',
  });
});

test("a version tells what it runs as, and why", async () => {
  const runsAs = "runs in Python, not compiled to ONNX: it takes columns of text";
  const { body } = await ask({ versions: [{ ...VERSION, runsAs }] }, "version/digits/2");
  expect(body.chain[0]?.message).toBe(`made by pipeline run pr-1; ${runsAs}`);
});
