import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { readPipelineRun, setAnnounced, updatePipelineRun, type PipelineRunPatch } from "./commands.ts";
import { DEFAULT_LIMITS, type PipelinesDeps } from "./deps.ts";
import type { PipelineRunStatus, StepStatus } from "./engine.ts";
import { hasEnded, type PipelineRun } from "./pipeline-run.ts";
import { registerModel } from "./register-model.ts";
import { eventOf, stepEvents, type NewEvent } from "./step-events.ts";
import { stepVariables } from "./step-variables.ts";

/** What a pipeline run came to. */
interface End {
  state: "succeeded" | "failed" | "cancelled";
  reason: string | null;
  code?: PipelineRun["code"];
  data?: Record<string, unknown>;
}

/** Shared with whoever shows the steps of a pipeline run that goes on. */
export type LiveSteps = Map<string, StepStatus[]>;

const MAX_RETRY_MS = 60_000;
/** Lines of a failed step that its event carries, and characters of each. */
const LAST_LINES = 20;
const LINE_LENGTH = 500;

/**
 * Takes one pipeline run to its end from whatever the database says of it; may be killed at any line and started
 * again. Returns early, with the run unfinished, when the signal is aborted.
 */
export async function reconcile(
  id: string,
  deps: PipelinesDeps,
  live: LiveSteps,
  signal: AbortSignal,
): Promise<void> {
  let wait = deps.limits?.retryMs ?? DEFAULT_LIMITS.retryMs;
  while (!signal.aborted) {
    try {
      return await new Reconciler(await depsOf(id, deps), live, signal).run(id);
    } catch (thrown) {
      if (signal.aborted) return;
      deps.logDefect(thrown, `pipeline run ${id}`);
      await deps.clock.sleep(wait, signal).catch(() => {});
      wait = Math.min(wait * 2, MAX_RETRY_MS);
    }
  }
}

/** With the tracking and the registry of the tenant whose pipeline run it is. */
async function depsOf(id: string, deps: PipelinesDeps): Promise<PipelinesDeps> {
  const run = await deps.database.read((tx) => readPipelineRun(tx, id));
  if (run === undefined || run.tenant === DEFAULT_TENANT) return deps;
  if (deps.inTenant === undefined) throw new Error(`nothing is known of the tenant ${run.tenant}`);
  return { ...deps, ...(await deps.inTenant(run.tenant)) };
}

class Reconciler {
  readonly #deps: PipelinesDeps;
  readonly #live: LiveSteps;
  readonly #signal: AbortSignal;

  constructor(deps: PipelinesDeps, live: LiveSteps, signal: AbortSignal) {
    this.#deps = deps;
    this.#live = live;
    this.#signal = signal;
  }

  async run(id: string): Promise<void> {
    let run = await this.#load(id);
    if (hasEnded(run)) return this.#announce(run);
    if (run.cancelRequested && run.state !== "running")
      return this.#end(run, { state: "cancelled", reason: null });
    if (run.state === "queued") run = await this.#begin(run);
    try {
      if (run.state === "running") {
        const { experimentId } = await this.#deps.tracking.ensureExperiment(run.project);
        run = await this.#withTrackingRun(run, experimentId);
        const status = await this.#execute(run, experimentId);
        if (status === undefined) return undefined;
        const lost = endOf(status);
        if (lost) return await this.#end(run, await this.#withLastLines(run, status, lost));
        run = await this.#update(run, { state: "registering", steps: status.steps });
      }
      return await this.#register(run);
    } catch (thrown) {
      const error = toSlipwayError(thrown);
      // Trouble of the platform passes; a refusal stays one.
      if (error.status >= 500 || this.#signal.aborted) throw thrown;
      const data = error.facts.details;
      const end: End = { state: "failed", reason: error.message, code: error.code };
      return this.#end(run, data === undefined ? end : { ...end, data });
    }
  }

  async #begin(run: PipelineRun): Promise<PipelineRun> {
    const { clock } = this.#deps;
    const begun = await this.#update(run, { state: "running", startedAt: clock.now() });
    await this.#emit(
      eventOf(
        run,
        "pipeline-run.started",
        `pipeline run ${run.id} of ${run.project} started at ${run.commit.slice(0, 8)}`,
        {
          data: { commit: run.commit, ref: run.ref, pusher: run.pusher },
        },
      ),
    );
    return begun;
  }

  /** Undefined when we are stopping. */
  async #execute(run: PipelineRun, experimentId: string): Promise<PipelineRunStatus | undefined> {
    const { engine } = this.#deps;
    await engine.submit({
      id: run.id,
      project: run.spec,
      repository: this.#deps.repository(run.project),
      commit: run.commit,
      env: stepVariables(run, {
        url: this.#deps.url(),
        experimentId,
        credentials: this.#deps.credentials ?? {},
      }),
      cache: run.cache,
    });
    // Who cancelled before the engine knew the run found nothing to cancel there.
    if ((await this.#load(run.id)).cancelRequested) await engine.cancel(run.id);
    let known = run.steps;
    for await (const status of engine.observe(run.id, this.#signal)) {
      this.#live.set(run.id, status.steps);
      const events = stepEvents(run, known, status.steps);
      known = status.steps;
      for (const event of events) await this.#emit(event);
      if (status.state !== "running") return status;
      if (events.length > 0) await this.#update(run, { steps: status.steps });
    }
    return undefined;
  }

  async #withTrackingRun(run: PipelineRun, experimentId: string): Promise<PipelineRun> {
    const { tracking } = this.#deps;
    if (await tracking.getRun(run.trackingRunId)) return run;
    const { runId } = await tracking.createRun({
      runId: run.trackingRunId,
      experimentId,
      runName: run.id,
      tags: {
        "slipway.pipeline_run": run.id,
        "slipway.project": run.project,
        "slipway.commit": run.commit,
        "mlflow.user": run.pusher,
        "mlflow.source.name": run.project,
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": run.commit,
        "mlflow.source.git.branch": run.ref.replace(/^refs\/heads\//, ""),
      },
    });
    return runId === run.trackingRunId ? run : this.#update(run, { trackingRunId: runId });
  }

  async #register(start: PipelineRun): Promise<void> {
    const { spec } = start;
    if (!spec.model) return this.#end(start, { state: "succeeded", reason: null });
    let run = start;
    if (run.version === null) {
      const version = await registerModel(run, spec.model, this.#deps, (event) => this.#emit(event));
      run = await this.#update(run, { version });
      const subjects = [`version/${spec.model.name}/${version}`];
      const message = `version ${version} of model ${spec.model.name} registered`;
      const data = { model: spec.model.name, version, commit: run.commit };
      await this.#emit(eventOf(run, "version.registered", message, { subjects, data }));
    }
    if ((await this.#load(run.id)).cancelRequested)
      return this.#end(run, { state: "cancelled", reason: "cancelled before its rollout was asked for" });
    const { rolloutId } = await this.#deps.rollouts.request({
      key: run.id,
      project: run.project,
      tenant: run.tenant,
      commit: run.commit,
      pipelineRunId: run.id,
      model: spec.model.name,
      version: run.version ?? 0,
      policy: spec.rollout,
      serving: spec.serving,
      requestedBy: run.pusher,
    });
    run = await this.#update(run, { rolloutId });
    return this.#end(run, { state: "succeeded", reason: null });
  }

  /** Tells tracking, then the database, then everybody. */
  async #end(run: PipelineRun, end: End): Promise<void> {
    const { database, tracking, clock } = this.#deps;
    const status = { succeeded: "FINISHED", failed: "FAILED", cancelled: "KILLED" } as const;
    if (await tracking.getRun(run.trackingRunId))
      await tracking.finishRun(run.trackingRunId, status[end.state]);
    const steps = this.#live.get(run.id) ?? run.steps;
    const patch: PipelineRunPatch = {
      state: end.state,
      reason: end.reason,
      code: end.code ?? null,
      finishedAt: clock.now(),
      steps,
    };
    await database.write(updatePipelineRun, { id: run.id, patch });
    this.#live.delete(run.id);
    await this.#announce(await this.#load(run.id), end.data);
  }

  async #announce(run: PipelineRun, data: Record<string, unknown> = {}): Promise<void> {
    if (run.announced) return;
    const level = run.state === "failed" ? "error" : run.state === "cancelled" ? "warn" : "info";
    const message = `pipeline run ${run.id} ${run.state}${run.reason === null ? "" : `: ${run.reason}`}`;
    const { code, version, rolloutId } = run;
    const facts = { ...data, code, version, rolloutId, commit: run.commit };
    await this.#emit(eventOf(run, `pipeline-run.${run.state}`, message, { level, data: facts }));
    await this.#deps.database.write(setAnnounced, { id: run.id });
  }

  async #withLastLines(run: PipelineRun, status: PipelineRunStatus, end: End): Promise<End> {
    const failed = status.steps.find((step) => step.state === "failed");
    if (!failed) return end;
    const lastLines: string[] = [];
    const options = { step: failed.name, follow: false, signal: this.#signal };
    for await (const { line } of this.#deps.engine.logs(run.id, options)) {
      lastLines.push(line.slice(0, LINE_LENGTH));
      if (lastLines.length > LAST_LINES) lastLines.shift();
    }
    return { ...end, data: { step: failed.name, exitCode: failed.exitCode ?? null, lastLines } };
  }

  async #update(run: PipelineRun, patch: PipelineRunPatch): Promise<PipelineRun> {
    if (!(await this.#deps.database.write(updatePipelineRun, { id: run.id, patch })))
      throw new SlipwayError("INTERNAL", `pipeline run ${run.id} has ended meanwhile`);
    return { ...run, ...patch };
  }

  async #load(id: string): Promise<PipelineRun> {
    const run = await this.#deps.database.read((tx) => readPipelineRun(tx, id));
    if (!run) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
    return run;
  }

  async #emit(event: NewEvent): Promise<void> {
    await this.#deps.events.emit(event);
  }
}

/** What the engine's end means for the pipeline run; undefined when it may go on. */
function endOf(status: PipelineRunStatus): End | undefined {
  if (status.state === "cancelled") return { state: "cancelled", reason: null };
  if (status.state !== "failed") return undefined;
  const failed = status.steps.find((step) => step.state === "failed");
  const why = failed?.reason ?? "a step failed";
  const reason = why.startsWith(`step ${failed?.name} `) ? why : `step ${failed?.name} failed: ${why}`;
  return { state: "failed", reason, code: failed?.code ?? "STEP_FAILED" };
}
