import { mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/ids.ts";
import { unpackTar, type UnpackLimits } from "../../base/tar/unpack.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { NeededStep, StepAssignment } from "../../pipelines/remote/assignment.ts";
import type { StepClient } from "../../pipelines/remote/client.ts";
import { remoteCache } from "../../pipelines/remote/remote-cache.ts";
import { remoteLedger } from "../../pipelines/remote/remote-ledger.ts";
import type { PipelineRunSpec } from "../../pipelines/engine.ts";
import { createLocalEngine, type LocalEngine } from "../../targets/local/engine/engine.ts";
import { createLocalEnvironments } from "../../targets/local/engine/environments/environments.ts";
import { systemProcessTable } from "../../targets/local/engine/process-table.ts";
import { StateFile, type StepRecord } from "../../targets/local/engine/state-file.ts";
import { sharedBuilds } from "./shared-builds.ts";

export interface StepWorkDeps {
  client: StepClient;
  clock: Clock;
  ids: Ids;
  /** Absolute. */
  folder: string;
  limits: UnpackLimits;
  /** What the step may see of this machine's environment. */
  stepEnv: Record<string, string>;
  log: (line: string) => void;
}

/** One step, ready to be run in this machine's own folder by the engine that runs pipelines on a laptop. */
export interface StepWork {
  engine: LocalEngine;
  spec: PipelineRunSpec;
  workDir: string;
  /** `state.json` with what the engine recorded. */
  stateFile: string;
  logFile: string;
  temporary: string;
}

/**
 * Makes the step's working folder: the commit's files, and over them what the steps that it needs wrote, those first
 * that were done first. The engine finds a pipeline run in which all of these are done and this one alone is left, so
 * that limits, variables, messages and reuse are the same as on a laptop.
 */
export async function prepareStep(assigned: StepAssignment, deps: StepWorkDeps): Promise<StepWork> {
  const { client, clock, ids, folder, stepEnv } = deps;
  const spec = specOf(assigned);
  const runDir = join(folder, "runs", spec.id);
  const workDir = join(runDir, "work");
  const temporary = join(folder, "archives");
  // A container that was started again in the same pod finds what it left.
  for (const stale of [runDir, temporary]) await rm(stale, { recursive: true, force: true });
  for (const fresh of [workDir, temporary]) await mkdir(fresh, { recursive: true });
  await unpack("the commit's files", () => client.source(), workDir, deps);
  for (const { name, archive } of assigned.needs)
    if (archive !== undefined)
      await unpack(`what step ${name} wrote`, () => client.archive(archive.sha256), workDir, deps);
  const stateFile = join(runDir, "state.json");
  await new StateFile(stateFile, {
    id: spec.id,
    commit: spec.commit,
    checkedOut: true,
    cancelled: false,
    state: "running",
    steps: spec.project.pipeline.steps.map(({ name }) => recordOf(name, assigned)),
  }).save();
  const cacheDir = join(folder, "cache");
  const table = systemProcessTable(process.platform);
  const engine = await createLocalEngine({
    dataDir: folder,
    clock,
    ids,
    stepEnv,
    // The pod was given what the step asks for: nothing is to be shared out here.
    cpus: 1024,
    platform: process.platform,
    pid: process.pid,
    ledger: remoteLedger(client),
    cache: remoteCache(client, { temporary, limits: deps.limits }),
    commitOf: async () => ({ tree: assigned.tree, files: new Map(Object.entries(assigned.files)) }),
    environments: createLocalEnvironments({
      cacheDir,
      clock,
      table,
      pid: process.pid,
      host: hostname(),
      shared: sharedBuilds({ client, temporary, limits: deps.limits, log: deps.log }),
    }),
  });
  return {
    engine,
    spec,
    workDir,
    stateFile,
    temporary,
    logFile: join(runDir, "logs", `${encodeURIComponent(assigned.step)}.log`),
  };
}

/** This step and those that it needs, without retries: these are pods of their own. */
function specOf({ spec, needs, step }: StepAssignment): PipelineRunSpec {
  const names = new Set([step, ...needs.map(({ name }) => name)]);
  const steps = spec.project.pipeline.steps
    .filter(({ name }) => names.has(name))
    .map((one) => (one.name === step ? { ...one, retries: 0 } : one));
  const pipeline = { ...spec.project.pipeline, steps };
  return { ...spec, repository: "", project: { ...spec.project, pipeline } };
}

function recordOf(name: string, { step, needs, attempt, wasInterrupted }: StepAssignment): StepRecord {
  const done = needs.find((one) => one.name === name);
  const failures = attempt - 1;
  if (name === step)
    return {
      name,
      state: "waiting",
      attempt: failures,
      failures,
      processes: [],
      ...(wasInterrupted ? { interrupted: true } : {}),
    };
  return { name, state: "succeeded", attempt: 1, failures: 0, processes: [], ...leftBy(done) };
}

function leftBy(done: NeededStep | undefined): Pick<StepRecord, "outputs" | "effects" | "opaque"> {
  return {
    ...(done?.outputs === undefined ? {} : { outputs: done.outputs }),
    ...(done?.effects === undefined ? {} : { effects: done.effects }),
    ...(done?.opaque === undefined ? {} : { opaque: done.opaque }),
  };
}

async function unpack(
  what: string,
  open: () => Promise<AsyncIterable<Uint8Array>>,
  workDir: string,
  { limits }: Pick<StepWorkDeps, "limits">,
): Promise<void> {
  const archive = await open();
  try {
    await unpackTar(archive, workDir, limits);
  } catch (error) {
    throw new SlipwayError("STEP_ARCHIVE_DAMAGED", `${what} can't be unpacked: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
