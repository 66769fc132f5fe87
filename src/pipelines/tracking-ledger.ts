import type { BlobStore } from "../store/blobs.ts";
import type { Tracking, TrackingRun } from "../tracking/tracking.ts";
import { artifactPathOf } from "./artifact-path.ts";
import type { EffectLedger, StepEffects } from "./effects.ts";
import type { PipelineRunSpec } from "./engine.ts";

/** On a tracking run: where the model (and other artifacts) of a reused step lie. */
export const REUSED_TAG = "slipway.reused_artifacts_of";

/** What one step logged to the tracking run of its pipeline run. */
interface Logged {
  /** Tracking run that has the artifacts and logged models. They are referred to, not copied. */
  trackingRunId: string;
  metrics: Record<string, number>;
  params: Record<string, string>;
  /** It logged artifacts or models. */
  artifacts: boolean;
}

/** Time in which what is logged to a tracking run may come from a step. */
interface Window {
  step: string;
  metrics: Record<string, number>;
  params: Record<string, string>;
  /** Artifacts and models when it was opened; undefined when they can't be listed. */
  before: string | undefined;
  /** Another step that ran at the same time. */
  beside?: string;
}

/** Files of a tracking run beyond which changes aren't followed. */
const MAX_ARTIFACTS = 2_000;

type LedgerTracking = Pick<Tracking, "getRun" | "logMetrics" | "logParams" | "setTags">;

export interface TrackingLedgerDeps {
  tracking: LedgerTracking & Pick<Tracking, "onLogged">;
  /** That of another tenant. */
  trackingOf?: (tenant: string) => Promise<LedgerTracking>;
  artifacts: Pick<BlobStore, "list">;
}

/**
 * Follows what steps log to MLFLOW_RUN_ID. All steps of a pipeline run share one tracking run, so what was logged
 * while two of them ran side by side can't be put down to either, and neither is reused then. A reused step
 * gets its metrics and params logged again; its artifacts are referred to by a tag, so that nothing
 * large is copied. Child runs that a step opened by itself stay where they are.
 */
export function createTrackingLedger(deps: TrackingLedgerDeps): EffectLedger & { close: () => void } {
  const { tracking, artifacts } = deps;
  const open = new Map<string, Map<string, Window>>();
  const unsubscribe = tracking.onLogged((runId, logged) => {
    for (const window of open.get(runId)?.values() ?? []) {
      Object.assign(window.metrics, logged.metrics);
      Object.assign(window.params, logged.params);
    }
  });

  return {
    async begin(spec, step) {
      const runId = trackingRunOf(spec);
      if (runId === undefined) return;
      const window: Window = { step, metrics: {}, params: {}, before: undefined };
      const windows = open.get(runId) ?? new Map<string, Window>();
      open.set(runId, windows);
      for (const other of windows.values()) {
        other.beside = step;
        window.beside = other.step;
      }
      windows.set(step, window);
      window.before = await fingerprint(await trackingOf(spec), runId);
    },

    async end(spec, step) {
      const runId = trackingRunOf(spec);
      const windows = runId === undefined ? undefined : open.get(runId);
      const window = windows?.get(step);
      if (runId === undefined || windows === undefined || window === undefined) return { effects: undefined };
      const after = await fingerprint(await trackingOf(spec), runId);
      windows.delete(step);
      if (windows.size === 0) open.delete(runId);
      if (after === undefined || window.before === undefined)
        return { unsure: "may have logged artifacts to a place that this platform can't list" };
      const { metrics, params } = window;
      const logged: Logged = { trackingRunId: runId, metrics, params, artifacts: after !== window.before };
      const count = Object.keys(metrics).length + Object.keys(params).length;
      if (count === 0 && !logged.artifacts) return { effects: undefined };
      if (window.beside !== undefined)
        return {
          unsure: `ran beside step ${window.beside} while something was logged: nobody can tell by which`,
        };
      return { effects: { ...logged } };
    },

    async replay(spec, step, effects) {
      const runId = trackingRunOf(spec);
      if (runId === undefined) return "what it logged can't be repeated without a tracking run";
      const logged = asLogged(effects);
      const own = await trackingOf(spec);
      if (logged.artifacts && (await own.getRun(logged.trackingRunId)) === undefined)
        return `tracking run ${logged.trackingRunId}, which has its artifacts, is gone`;
      if (Object.keys(logged.metrics).length > 0) await own.logMetrics(runId, logged.metrics);
      if (Object.keys(logged.params).length > 0) await own.logParams(runId, logged.params);
      const tags = { [`slipway.reused.${step}`]: logged.trackingRunId };
      await own.setTags(runId, logged.artifacts ? { ...tags, [REUSED_TAG]: logged.trackingRunId } : tags);
      return undefined;
    },

    close: unsubscribe,
  };

  /** Tracking of the tenant whose pipeline run it is. */
  async function trackingOf({ env }: PipelineRunSpec): Promise<LedgerTracking> {
    const tenant = env.MLFLOW_WORKSPACE;
    if (tenant === undefined) return tracking;
    if (deps.trackingOf === undefined) throw new Error(`nothing is known of the tenant ${tenant}`);
    return deps.trackingOf(tenant);
  }

  /** All artifacts and models of a tracking run as one text that changes with them. */
  async function fingerprint(of: LedgerTracking, runId: string): Promise<string | undefined> {
    const run = await of.getRun(runId);
    const root = run && artifactPathOf(run.artifactUri);
    if (run === undefined || root === undefined) return undefined;
    const files: string[] = [];
    const folders = [root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
      for (const entry of await artifacts.list(folder)) {
        if (entry.isDir) folders.push(entry.path);
        else files.push(`${entry.path} ${entry.size}`);
        if (files.length > MAX_ARTIFACTS) return undefined;
      }
    return [...files.sort(), ...modelIds(run)].join("\n");
  }
}

function modelIds(run: TrackingRun): string[] {
  return run.loggedModels.map((model) => model.modelId).sort();
}

function trackingRunOf(spec: PipelineRunSpec): string | undefined {
  return spec.env.MLFLOW_RUN_ID;
}

function asLogged(effects: StepEffects): Logged {
  return effects as unknown as Logged;
}
