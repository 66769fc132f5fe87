import { lstat } from "node:fs/promises";
import { join } from "node:path";
import {
  cacheKey,
  coveredFiles,
  explainMiss,
  missingInputs,
  type KeyParts,
} from "../../../pipelines/cache-key.ts";
import { transitiveNeeds } from "../../../pipelines/schedule.ts";
import type { Step } from "../../../spec/project.ts";
import type { Failure } from "./failure.ts";
import { hashOutputs } from "../../../pipelines/step-outputs.ts";
import type { LocalRun } from "./run.ts";
import type { StepRecord } from "./state-file.ts";

/** What the cache can do for a step. */
export type ReusePlan = { key: string; parts: KeyParts } | { off: string };

/** Locale and time zone change what programs write. Other variables of the machine don't, or shouldn't. */
const MACHINE_VARIABLES = ["LANG", "LC_ALL", "TZ"];

/** Outputs, and what stands for the logging, of all steps that a step needs. */
function neededContent(run: LocalRun, step: Step): { hashes: Record<string, string>; paths: string[] } {
  const hashes: Record<string, string> = {};
  const paths: string[] = [];
  for (const name of transitiveNeeds(run.steps, step.name)) {
    const record = run.stepRecord(name);
    for (const file of record.outputs ?? []) {
      hashes[`${name}: ${file.path}`] = file.sha256;
      paths.push(file.path);
    }
    if (record.effects) hashes[`${name}: what it logged`] = record.effects.origin;
  }
  return { hashes, paths };
}

/** A declared input that isn't there is a mistake in the file, found before the step's own code meets it. */
export async function findMissingInputs(run: LocalRun, step: Step): Promise<Failure | undefined> {
  if (step.inputs.length === 0) return undefined;
  const { files } = await run.commit();
  const written = transitiveNeeds(run.steps, step.name).flatMap((name) => run.step(name).outputs);
  const missing: string[] = [];
  for (const path of missingInputs(step.inputs, [
    ...files.keys(),
    ...written,
    ...neededContent(run, step).paths,
  ])) {
    const info = await lstat(join(run.workDir, path)).catch(() => undefined);
    if (info === undefined) missing.push(path);
  }
  if (missing.length === 0) return undefined;
  return {
    code: "STEP_INPUT_MISSING",
    message: `input ${missing.join(", ")} of step ${step.name}: the commit has no such file and no step it needs writes it`,
  };
}

/** The step's cache key, or why it has none. */
export async function planReuse(run: LocalRun, step: Step, environment: string): Promise<ReusePlan> {
  const { spec, context } = run;
  if (!spec.cache) return { off: "the cache is switched off for this pipeline run" };
  if (!spec.project.pipeline.cache)
    return { off: "the cache is switched off in slipway.yaml (pipeline.cache)" };
  if (!step.cache) return { off: "its cache is switched off in slipway.yaml" };
  for (const name of transitiveNeeds(run.steps, step.name)) {
    const { opaque } = run.stepRecord(name);
    if (opaque !== undefined) return { off: `step ${name}, which it needs, ${opaque}` };
  }
  const env: Record<string, string> = {};
  for (const name of MACHINE_VARIABLES) {
    const value = context.stepEnv[name];
    if (value !== undefined) env[name] = value;
  }
  for (const [name, value] of Object.entries(spec.env))
    // What one tenant's steps made is never another's.
    if (!/^(SLIPWAY|MLFLOW)_/.test(name) || name === "MLFLOW_WORKSPACE") env[name] = value;
  const parts: KeyParts = {
    command: step.run,
    params: Object.fromEntries(Object.entries(step.params).map(([name, value]) => [name, String(value)])),
    files: coveredFiles(step, (await run.commit()).files),
    needs: neededContent(run, step).hashes,
    outputs: step.outputs,
    environment,
    env,
  };
  return { key: cacheKey(parts), parts };
}

/** Gives the step what an earlier pipeline run kept of it; answers why that isn't possible. */
export async function tryReuse(
  run: LocalRun,
  step: Step,
  record: StepRecord,
  plan: ReusePlan,
): Promise<{ reused: string } | { not: string }> {
  if ("off" in plan) return { not: plan.off };
  const { cache, ledger } = run.context;
  const entry = await cache.find(plan.key);
  if (entry === undefined) {
    const last = await cache.last(run.spec.project.name, step.name);
    if (last !== undefined && "notKept" in last)
      return { not: `its last result wasn't kept: ${last.notKept}` };
    return { not: explainMiss(last?.parts, plan.parts) };
  }
  if (entry.effects !== undefined) {
    if (!ledger) return { not: "what it logged can't be repeated here" };
    const refused = await ledger.replay(run.spec, step.name, entry.effects);
    if (refused !== undefined) return { not: refused };
    record.effects = { origin: entry.origin, effects: entry.effects };
  }
  if (!(await cache.restore(plan.key, entry, step.outputs, run.workDir))) {
    delete record.effects;
    return { not: "the kept result was damaged" };
  }
  record.outputs = entry.outputs;
  return { reused: `reused from ${entry.origin}: inputs, command, params and environment are the same` };
}

/** After a step went well: records what it left, and keeps it for reuse where that is sound. */
export async function keepResult(
  run: LocalRun,
  step: Step,
  record: StepRecord,
  plan: ReusePlan,
): Promise<string | undefined> {
  const { cache, clock, ledger } = run.context;
  if (!run.cacheOn) return undefined;
  record.outputs = await hashOutputs(run.workDir, step.outputs);
  const left = await ledger?.end(run.spec, step.name);
  const undeclared = await run.undeclaredBy(step.name);
  if (left && "effects" in left && left.effects)
    record.effects = { origin: run.spec.id, effects: left.effects };
  const opaque = whyOpaque(record, left, undeclared);
  if (opaque !== undefined) record.opaque = opaque;
  if ("off" in plan) return undefined;
  const nothing = record.outputs.length === 0 && record.effects === undefined;
  const size = record.outputs.reduce((sum, file) => sum + file.size, 0);
  const entry = {
    origin: run.spec.id,
    createdAt: clock.now(),
    outputs: record.outputs,
    size,
    ...(record.effects ? { effects: record.effects.effects } : {}),
  };
  const notKept =
    opaque ??
    (nothing
      ? "it declares no outputs and logged nothing, so there is nothing to reuse"
      : await cache.store(plan.key, entry, step.outputs, run.workDir));
  await cache.setLast(run.spec.project.name, step.name, notKept === undefined ? plan : { notKept });
  return notKept;
}

function whyOpaque(
  record: StepRecord,
  left: { effects: unknown } | { unsure: string } | undefined,
  undeclared: string[] | undefined,
): string | undefined {
  if (record.interrupted) return "was interrupted by a restart, so what it left isn't known exactly";
  if (left && "unsure" in left) return left.unsure;
  if (undeclared === undefined) return "left more files in the working folder than can be followed";
  if (undeclared.length === 0) return undefined;
  const more = undeclared.length > 3 ? ` and ${undeclared.length - 3} more` : "";
  return `wrote ${undeclared.slice(0, 3).join(", ")}${more}, which it doesn't declare as outputs`;
}
