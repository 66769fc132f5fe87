import { SlipwayError } from "../http/errors.ts";
import type { ModelSpec } from "../spec/project.ts";
import type { PipelinesDeps } from "./deps.ts";
import { findModel } from "./find-model.ts";
import { evaluateGates, type ChampionMetrics } from "./gates.ts";
import type { PipelineRun } from "./pipeline-run.ts";
import { eventOf, type NewEvent } from "./step-events.ts";

/** Versions among which the champion is looked for. */
const RECENT_VERSIONS = 1000;

/**
 * Judges the gate and registers what the steps made; answers the version. A repeat answers the same one.
 * PIPELINE_GATE_FAILED and PIPELINE_MODEL_MISSING say why none is registered.
 */
export async function registerModel(
  run: PipelineRun,
  model: ModelSpec,
  deps: PipelinesDeps,
  emit: (event: NewEvent) => Promise<void>,
): Promise<number> {
  const { registry, tracking } = deps;
  const trackingRun = await tracking.getRun(run.trackingRunId);
  if (!trackingRun)
    throw new SlipwayError(
      "PIPELINE_MODEL_MISSING",
      `tracking run ${run.trackingRunId} was deleted meanwhile`,
    );
  const { failures, passed } = evaluateGates(model.gate, trackingRun.metrics, await championOf(model, deps));
  if (failures.length > 0) {
    const message = `gate of model ${model.name} failed: ${failures.map((failure) => failure.message).join("; ")}`;
    await emit(eventOf(run, "gate.failed", message, { level: "error", data: { failures, passed } }));
    throw new SlipwayError("PIPELINE_GATE_FAILED", message, { details: { failures, passed } });
  }
  if (model.gate.length > 0) {
    const message = `gate of model ${model.name} passed: ${passed.join("; ")}`;
    await emit(eventOf(run, "gate.passed", message, { data: { passed } }));
  }
  const { source, registered } = await findModel(model, trackingRun, deps);
  const tags = {
    "slipway.pipeline_run": run.id,
    "slipway.commit": run.commit,
    "slipway.project": run.project,
  };
  if (registered) {
    await registry.setVersionTags(model.name, registered.version, tags);
    return registered.version;
  }
  await registry.ensureModel(model.name);
  const { version } = await registry.createVersion({
    model: model.name,
    source,
    runId: run.trackingRunId,
    tags,
  });
  return version;
}

async function championOf(model: ModelSpec, deps: PipelinesDeps): Promise<ChampionMetrics | undefined> {
  if (!model.gate.some((gate) => "atLeastChampionMinus" in gate)) return undefined;
  const versions = await deps.registry.listVersions(model.name, RECENT_VERSIONS);
  const champion = versions.find((version) => version.aliases.includes("champion"));
  if (!champion) return undefined;
  const run = await deps.tracking.getRun(champion.runId);
  return { version: champion.version, metrics: run?.metrics ?? {} };
}
