import type { PodReport } from "../base/pod-report.ts";
import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import type { Project } from "../spec/project.ts";
import {
  insertPipelineRun,
  readPipelineRun,
  readPipelineRuns,
  readUnfinished,
  requestCancel,
} from "./commands.ts";
import { DEFAULT_LIMITS, type PipelinesDeps } from "./deps.ts";
import type { PipelineEngine } from "./engine.ts";
import { followLines } from "./follow-lines.ts";
import { Lanes } from "./lanes.ts";
import { hasEnded, type PipelineRun } from "./pipeline-run.ts";
import { reconcile, type LiveSteps } from "./reconcile.ts";

interface PipelineTrigger {
  project: string;
  /** Whose project it is; default: the default tenant's. */
  tenant?: string;
  commit: string;
  ref: string;
  /** Who pushed or asked. */
  pusher: string;
  /** `slipway.yaml` as it is at that commit. */
  spec: Project;
  /** False: no step is reused. */
  cache: boolean;
  /** A repeat with the same key makes no second pipeline run. */
  key: string;
}

/** The pipeline runs of all projects. */
export interface Pipelines {
  /** Durable when it resolves. One pipeline run per project goes on at a time; the others are queued. */
  trigger(request: PipelineTrigger): Promise<{ id: string }>;
  /** After a start: takes up everything that hasn't ended. */
  resume(): Promise<void>;
  get(id: string): Promise<PipelineRun | undefined>;
  /** Of a tenant, by default the default one; newest first. */
  list(filter: { tenant?: string; project?: string; limit: number }): Promise<PipelineRun[]>;
  /** Resolves when it has ended and no process of it is left. PIPELINE_RUN_ENDED when it had ended otherwise. */
  cancel(id: string): Promise<void>;
  logs: PipelineEngine["logs"];
  /** Of a step's last pod, where steps are pods; none anywhere else. */
  pods(id: string, step: string, lines: number): Promise<PodReport[]>;
  /** Lines for the person who pushed, until the rollout is under way or the pipeline run ended without one. */
  followLines(id: string, signal: AbortSignal): AsyncIterable<string>;
  /** Stops working on pipeline runs and leaves them as they are; they go on after the next start. */
  close(): Promise<void>;
}

export function createPipelines(deps: PipelinesDeps): Pipelines {
  const { database, engine, clock, ids } = deps;
  const maxQueued = deps.limits?.queued ?? DEFAULT_LIMITS.queued;
  const stopping = new AbortController();
  const live: LiveSteps = new Map();
  const lanes = new Lanes((id) => reconcile(id, deps, live, stopping.signal));

  const load = (id: string): Promise<PipelineRun | undefined> =>
    database.read((tx) => readPipelineRun(tx, id));
  const withLiveSteps = (run: PipelineRun): PipelineRun => ({ ...run, steps: live.get(run.id) ?? run.steps });

  return {
    async trigger(request) {
      const run = newRun(request, ids.sortable("pr"), ids.hex(), clock.now());
      const { id } = await database.write(insertPipelineRun, { key: request.key, run, maxQueued });
      if (id === run.id) lanes.add(run.project, id);
      return { id };
    },

    async resume() {
      for (const run of await database.read(readUnfinished)) lanes.add(run.project, run.id);
    },

    async get(id) {
      const run = await load(id);
      return run && withLiveSteps(run);
    },

    async list({ tenant = DEFAULT_TENANT, ...filter }) {
      return (await database.read((tx) => readPipelineRuns(tx, { tenant, ...filter }))).map(withLiveSteps);
    },

    async cancel(id) {
      const run = await load(id);
      if (!run) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
      const asked = await database.write(requestCancel, { id });
      if (asked) {
        await engine.cancel(id).catch((error: unknown) => {
          // It is queued, or past its steps: the reconciler looks at the request itself.
          if (!isNotFound(error)) throw error;
        });
        await lanes.hurry(run.project, id);
      }
      const ended = await load(id);
      if (ended && hasEnded(ended) && ended.state !== "cancelled")
        throw new SlipwayError("PIPELINE_RUN_ENDED", `pipeline run ${id} has ${ended.state} already`);
    },

    async *logs(id, options) {
      for (;;) {
        const run = await load(id);
        if (!run) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
        if (run.broughtFrom !== undefined) return yield* noLogs(run, options.step);
        try {
          return yield* engine.logs(id, options);
        } catch (error) {
          // The engine knows a pipeline run only once its turn has come.
          if (!isNotFound(error) || !run.steps.some(({ name }) => name === (options.step ?? name)))
            throw error;
        }
        if (!options.follow || hasEnded(run) || options.signal.aborted) return;
        await clock.sleep(TURN_MS, options.signal).catch(() => {});
      }
    },

    pods: async (id, step, lines) => (await engine.pods?.(id, step, lines)) ?? [],

    followLines: (id, signal) => followLines(id, deps, signal),

    async close() {
      stopping.abort(new Error("stopping"));
      await lanes.close();
    },
  };
}

type Line = { step: string; line: string };

/** How often a follower of logs looks whether a queued pipeline run's turn has come. */
const TURN_MS = 100;

/** Output stays where a step ran; silence would say that it printed nothing. */
function* noLogs({ steps, broughtFrom }: PipelineRun, step: string | undefined): Iterable<Line> {
  for (const { name } of steps)
    if (name === (step ?? name)) yield { step: name, line: `(its output stayed on ${broughtFrom ?? ""})` };
}

function isNotFound(error: unknown): boolean {
  return error instanceof SlipwayError && error.code === "NOT_FOUND";
}

function newRun(request: PipelineTrigger, id: string, trackingRunId: string, now: number): PipelineRun {
  const { project, tenant = DEFAULT_TENANT, commit, ref, pusher, spec, cache } = request;
  return {
    id,
    project,
    tenant,
    commit,
    ref,
    pusher,
    spec,
    cache,
    state: "queued",
    reason: null,
    code: null,
    trackingRunId,
    model: spec.model?.name ?? null,
    version: null,
    rolloutId: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    cancelRequested: false,
    announced: false,
    steps: spec.pipeline.steps.map(({ name }) => ({ name, state: "waiting", attempt: 0 })),
  };
}
