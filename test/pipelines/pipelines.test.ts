import Fastify from "fastify";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/http/errors.ts";
import { DEFAULT_TENANT, LOCAL_CALLER } from "../../src/http/identity.ts";
import { pipelineRoutes } from "../../src/pipelines/routes.ts";
import type { Project } from "../../src/spec/project.ts";
import { LOG_SCRIPT } from "./fakes.ts";
import { Platform } from "./platform.ts";
import { project, step, until } from "./support.ts";

let platform: Platform;
beforeEach(async () => {
  platform = await Platform.open();
  platform.repository.commit({ "log.mjs": LOG_SCRIPT, "raw.csv": "1\n" });
});
afterEach(() => platform.close());

const MODEL = { name: "churn", artifact: "model", gate: [{ metric: "accuracy", min: 0.9 }] };
const training = (accuracy = 0.95, more: Partial<Project> = {}): Project =>
  project(
    [
      step("features", "cp raw.csv features.csv", { inputs: ["raw.csv"], outputs: ["features.csv"] }),
      step("train", `node log.mjs accuracy=${accuracy} artifact=model/model.onnx`, { needs: ["features"] }),
    ],
    { model: MODEL, ...more },
  );

describe("pipeline runs", () => {
  it("go from commit to the request for a rollout, every one traceable to the other", async () => {
    const commit = platform.repository.commit({});
    const id = await platform.trigger(training(), commit);
    const run = await platform.ended(id);
    expect(run).toMatchObject({
      state: "succeeded",
      reason: null,
      model: "churn",
      version: 1,
      rolloutId: `ro-${id}`,
    });
    const tracking = platform.tracking.runs.get(run.trackingRunId);
    expect(tracking).toMatchObject({
      status: "FINISHED",
      tags: { "slipway.pipeline_run": id, "slipway.commit": commit, "mlflow.source.git.commit": commit },
    });
    expect(platform.registry.versions[0]).toMatchObject({
      source: `mlflow-artifacts:/0/${run.trackingRunId}/artifacts/model`,
      tags: { "slipway.pipeline_run": id, "slipway.commit": commit },
    });
    expect(platform.rollouts.asked).toMatchObject([
      { key: id, commit, model: "churn", version: 1, requestedBy: "ada" },
    ]);
    const kinds = (await platform.eventsOf(`pipeline-run/${id}`)).map((event) => event.kind);
    expect(kinds).toEqual([
      "pipeline-run.started",
      "step.started",
      "step.finished",
      "step.started",
      "step.finished",
      "gate.passed",
      "version.registered",
      "pipeline-run.succeeded",
    ]);
    expect((await platform.eventsOf(`step/${id}/train`)).map((event) => event.kind)).toEqual([
      "step.started",
      "step.finished",
    ]);
    expect(platform.defects).toEqual([]);
  });

  it("are made once per key", async () => {
    const commit = platform.repository.commit({});
    const ids = await Promise.all([1, 2, 3].map(() => platform.trigger(training(), commit, "push-same")));
    expect(new Set(ids).size).toBe(1);
    await platform.ended(ids[0] ?? "");
    expect(await platform.pipelines.list({ project: "churn", limit: 10 })).toHaveLength(1);
  });

  it("register nothing when the gate fails, and say the numbers", async () => {
    const run = await platform.ended(await platform.trigger(training(0.8), platform.repository.commit({})));
    expect(run).toMatchObject({
      state: "failed",
      code: "PIPELINE_GATE_FAILED",
      reason: "gate of model churn failed: accuracy is 0.8, the gate asks for at least 0.9",
      version: null,
    });
    expect(platform.registry.versions).toEqual([]);
    expect(platform.tracking.runs.get(run.trackingRunId)?.status).toBe("FAILED");
  });

  it("say which step failed, how, and its last lines", async () => {
    const spec = project([step("train", "echo loading; echo 'KeyError: age' >&2; exit 4")]);
    const id = await platform.trigger(spec, platform.repository.commit({}));
    expect(await platform.ended(id)).toMatchObject({
      state: "failed",
      code: "STEP_FAILED",
      reason: "step train failed: exit code 4: KeyError: age",
    });
    const last = (await platform.eventsOf(`pipeline-run/${id}`)).at(-1);
    expect(last).toMatchObject({
      kind: "pipeline-run.failed",
      level: "error",
      data: { step: "train", exitCode: 4 },
    });
    expect(last?.data?.lastLines).toEqual(expect.arrayContaining(["loading", "KeyError: age"]));
  });

  it("fail when no step logged the model", async () => {
    const spec = project([step("train", "node log.mjs accuracy=0.99")], { model: MODEL });
    const run = await platform.ended(await platform.trigger(spec, platform.repository.commit({})));
    expect(run).toMatchObject({ state: "failed", code: "PIPELINE_MODEL_MISSING" });
  });

  it("take the version that the client registered by itself", async () => {
    const id = await platform.trigger(
      project(
        [
          step(
            "train",
            `touch ${platform.path}/here; while [ ! -e ${platform.path}/go ]; do sleep 0.01; done; node log.mjs accuracy=1`,
          ),
        ],
        { model: MODEL },
      ),
      platform.repository.commit({}),
    );
    await until("the step runs", () => existsSync(join(platform.path, "here")));
    const runId = (await platform.pipelines.get(id))?.trackingRunId ?? "";
    await platform.registry.createVersion({ model: "churn", source: "models:/m-1", runId, tags: {} });
    writeFileSync(join(platform.path, "go"), "");
    expect(await platform.ended(id)).toMatchObject({ state: "succeeded", version: 1 });
    expect(platform.registry.versions).toMatchObject([
      { source: "models:/m-1", tags: { "slipway.pipeline_run": id } },
    ]);
  });

  it("that reuse the training step have its metrics and model all the same", async () => {
    const first = await platform.ended(await platform.trigger(training(), platform.repository.commit({})));
    const second = await platform.ended(await platform.trigger(training(), platform.repository.commit({})));
    expect(second.steps.map((step) => step.state)).toEqual(["cached", "cached"]);
    expect(second).toMatchObject({ state: "succeeded", version: 2 });
    expect(platform.tracking.runs.get(second.trackingRunId)?.metrics).toEqual({ accuracy: 0.95 });
    expect(platform.registry.versions[0]?.source).toContain(first.trackingRunId);
    expect(platform.registry.versions[0]?.runId).toBe(second.trackingRunId);
  });

  it("never judge the gate by what a step logged that has changed since", async () => {
    const withCheck = (run: string): Project =>
      project(
        [
          step("train", "node log.mjs loss=1 artifact=model/m", { inputs: ["log.mjs"] }),
          step("check", run, { needs: ["train"], inputs: ["log.mjs"] }),
        ],
        {
          model: MODEL,
        },
      );
    const commit = platform.repository.commit({});
    expect(
      (await platform.ended(await platform.trigger(withCheck("node log.mjs accuracy=0.99"), commit))).state,
    ).toBe("succeeded");
    const run = await platform.ended(await platform.trigger(withCheck("true"), commit));
    expect(run.steps.map((step) => step.state)).toEqual(["cached", "succeeded"]);
    expect(run).toMatchObject({ state: "failed", code: "PIPELINE_GATE_FAILED" });
    expect(run.reason).toContain("accuracy was never logged");
  });

  it("run a step again when a step that it needs logged anew, though all files are the same", async () => {
    const spec = (rate: number): Project =>
      project([
        step("train", "node log.mjs accuracy=0.99", { params: { rate } }),
        step("check", "node log.mjs seen=1", { needs: ["train"] }),
      ]);
    const commit = platform.repository.commit({});
    await platform.ended(await platform.trigger(spec(1), commit));
    const run = await platform.ended(await platform.trigger(spec(2), commit));
    expect(run.steps.map((step) => step.state)).toEqual(["succeeded", "succeeded"]);
    expect(run.steps[1]?.reason).toBe("not reused: outputs of needed steps changed: train: what it logged");
  });

  it("of one project go on one after another; those of others beside it", async () => {
    const gate = join(platform.path, "go");
    const waiting = (name: string): Project =>
      project(
        [step("wait", `echo ${name} >> ${platform.path}/order; while [ ! -e ${gate} ]; do sleep 0.01; done`)],
        { name },
      );
    const commit = platform.repository.commit({});
    const first = await platform.trigger(waiting("churn"), commit);
    const second = await platform.trigger(waiting("churn"), commit);
    const other = await platform.trigger(waiting("other"), commit);
    const order = (): string =>
      existsSync(`${platform.path}/order`) ? readFileSync(`${platform.path}/order`, "utf8") : "";
    await until("both projects run", () => order().includes("churn") && order().includes("other"));
    expect((await platform.pipelines.get(second))?.state).toBe("queued");
    writeFileSync(gate, "");
    for (const id of [first, second, other]) expect((await platform.ended(id)).state).toBe("succeeded");
    const runs = await Promise.all([first, second].map((id) => platform.pipelines.get(id)));
    expect(runs[1]?.startedAt ?? 0).toBeGreaterThanOrEqual(runs[0]?.finishedAt ?? Infinity);
  });

  it("are refused when too many wait", async () => {
    const commit = platform.repository.commit({});
    const spec = project([step("wait", "sleep 30")]);
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push(await platform.trigger(spec, commit));
    await until("one runs", async () => (await platform.pipelines.get(ids[0] ?? ""))?.state === "running");
    await expect(
      (async () => {
        for (let i = 0; i < 3; i++) await platform.trigger(spec, commit);
      })(),
    ).rejects.toMatchObject({ code: "PIPELINE_QUEUE_FULL" });
  });

  it("can be cancelled while they wait and while they run", async () => {
    const commit = platform.repository.commit({});
    const spec = project([step("wait", `touch ${platform.path}/here; sleep 30`)], { model: MODEL });
    const running = await platform.trigger(spec, commit);
    const queued = await platform.trigger(spec, commit);
    await until("it runs", () => existsSync(join(platform.path, "here")));
    await platform.pipelines.cancel(queued);
    expect((await platform.pipelines.get(queued))?.state).toBe("cancelled");
    await platform.pipelines.cancel(running);
    const run = await platform.ended(running);
    expect(run).toMatchObject({ state: "cancelled", steps: [{ state: "cancelled" }] });
    expect(platform.tracking.runs.get(run.trackingRunId)?.status).toBe("KILLED");
    await platform.pipelines.cancel(running);
    const done = await platform.trigger(project([step("a", "true")]), commit);
    await platform.ended(done);
    await expect(platform.pipelines.cancel(done)).rejects.toMatchObject({ code: "PIPELINE_RUN_ENDED" });
  });

  it("go on after a restart, with the same tracking run and one version", async () => {
    const spec = project(
      [
        step("first", "node log.mjs early=1"),
        step(
          "train",
          `echo x >> ${platform.path}/here; while [ ! -e ${platform.path}/go ]; do sleep 0.01; done; node log.mjs accuracy=1 artifact=model/m`,
          { needs: ["first"] },
        ),
      ],
      { model: MODEL },
    );
    const id = await platform.trigger(spec, platform.repository.commit({}));
    await until("it trains", () => existsSync(join(platform.path, "here")));
    await platform.stop();
    await platform.start();
    writeFileSync(join(platform.path, "go"), "");
    await platform.pipelines.resume();
    expect(await platform.ended(id)).toMatchObject({ state: "succeeded", version: 1 });
    expect(platform.tracking.runs.size).toBe(1);
    expect(platform.registry.versions).toHaveLength(1);
  });

  it("try again when the platform has a passing trouble", async () => {
    const request = platform.rollouts.request;
    let failures = 2;
    platform.rollouts.request = async (asked) => {
      if (failures-- > 0) throw new SlipwayError("UNAVAILABLE", "busy");
      return request(asked);
    };
    const run = await platform.ended(await platform.trigger(training(), platform.repository.commit({})));
    expect(run).toMatchObject({ state: "succeeded", version: 1 });
    expect(platform.registry.versions).toHaveLength(1);
    expect(platform.defects).toHaveLength(2);
  });
});

describe("progress for the person who pushed", () => {
  it("shows steps, metrics, gate and version, then the rollout until it is under way", async () => {
    const id = await platform.trigger(training(), platform.repository.commit({}));
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of platform.pipelines.followLines(id, AbortSignal.timeout(60_000)))
        lines.push(line);
    })();
    await platform.ended(id);
    for (const [kind, message] of [
      ["rollout.contract-passed", "version 1 answered its example"],
      ["rollout.progressing", "5 % of the traffic goes to version 1"],
      ["rollout.advanced", "never shown"],
    ] as const)
      await platform.events.emit({ level: "info", kind, message, subjects: [`pipeline-run/${id}`] });
    await reading;
    const text = lines.join("\n");
    expect(text).toMatch(/step features started/);
    expect(text).toMatch(/step train finished in \d+\.\d s/);
    expect(text).toMatch(/accuracy 0\.95/);
    expect(text).toMatch(/gate of model churn passed: accuracy is 0\.95, at least 0\.9/);
    expect(text).toMatch(/version 1 of model churn registered/);
    expect(text).not.toContain("waiting until earlier pipeline runs");
    expect(lines.slice(-2)).toEqual([
      "slipway: 5 % of the traffic goes to version 1",
      expect.stringMatching(
        /^slipway: watch it: slipway rollout show churn --watch, or http:.*\/services\/churn$/,
      ),
    ]);
  });

  it("ends with the reason and the last lines of a failed step, also for who comes late", async () => {
    const id = await platform.trigger(
      project([step("train", "echo boom; exit 1")]),
      platform.repository.commit({}),
    );
    await platform.ended(id);
    const lines: string[] = [];
    for await (const line of platform.pipelines.followLines(id, AbortSignal.timeout(60_000)))
      lines.push(line);
    expect(lines).toContain(`slipway: pipeline run ${id} failed: step train failed: exit code 1: boom`);
    expect(lines.at(-3)).toBe("  boom");
    expect(lines.at(-1)).toBe(`slipway: more: slipway why run/${id}`);
  });

  it("ends when its reader goes away", async () => {
    const id = await platform.trigger(project([step("wait", "sleep 30")]), platform.repository.commit({}));
    const gone = new AbortController();
    for await (const line of platform.pipelines.followLines(id, gone.signal)) {
      expect(line).toContain("slipway:");
      gone.abort();
    }
  });
});

describe("routes", () => {
  it("list, show, start, stream and cancel", async () => {
    const app = Fastify();
    app.setErrorHandler((error, _, reply) =>
      error instanceof SlipwayError
        ? reply.status(error.status).send({ error: error.toJSON() })
        : reply.status(400).send({ error: String(error) }),
    );
    const identity = { caller: LOCAL_CALLER, tenant: DEFAULT_TENANT };
    app.decorateRequest("identity", { getter: () => identity });
    const commit = platform.repository.commit({});
    const spec = project([step("train", "echo one; echo two")]);
    let number = 0;
    pipelineRoutes(app, {
      pipelines: platform.pipelines,
      ids: { sortable: (prefix) => `${prefix}-${++number}` },
      projectAt: async (tenant, name, at) => {
        if (tenant !== DEFAULT_TENANT || name !== "churn")
          throw new SlipwayError("NOT_FOUND", `there is no project ${name}`);
        return { commit: at ?? commit, ref: "refs/heads/main", spec };
      },
    });
    const root = "/api/slipway/v1";
    const started = await app.inject({
      method: "POST",
      url: `${root}/projects/churn/pipeline-runs`,
      payload: { cache: false },
    });
    expect(started.statusCode, started.body).toBe(201);
    const { id } = started.json<{ id: string }>();
    const logs = await app.inject({ url: `${root}/pipeline-runs/${id}/logs?follow=true&step=train` });
    expect(logs.headers["content-type"]).toContain("text/plain");
    expect(logs.body).toContain("train | one\ntrain | two\n");
    await platform.ended(id);
    const shown = await app.inject({ url: `${root}/pipeline-runs/${id}` });
    expect(shown.json()).toMatchObject({
      id,
      project: "churn",
      commit,
      state: "succeeded",
      steps: [{ name: "train", state: "succeeded" }],
    });
    const list = await app.inject({ url: `${root}/pipeline-runs?project=churn&limit=5` });
    expect(list.json<{ pipelineRuns: { id: string }[] }>().pipelineRuns.map((run) => run.id)).toEqual([id]);
    const codes = async (method: "GET" | "POST", url: string): Promise<number> =>
      (await app.inject({ method, url: root + url })).statusCode;
    expect(await codes("GET", "/pipeline-runs/pr-none")).toBe(404);
    expect(await codes("GET", `/pipeline-runs/${id}/logs?step=nope`)).toBe(404);
    expect(await codes("GET", "/pipeline-runs?limit=0")).toBe(400);
    expect(await codes("POST", `/pipeline-runs/${id}/cancel`)).toBe(409);
    expect(await codes("POST", "/projects/none/pipeline-runs")).toBe(404);
    await app.close();
  });
});
