import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Step } from "../../../spec/project.ts";
import { failureOf, showBytes, showDuration, type Failure } from "./failure.ts";
import { endGroup, startGroup, type ProcessEnd } from "./process-group.ts";
import type { LocalRun } from "./run.ts";
import type { StepLog } from "./step-log.ts";
import type { StepRecord } from "./state-file.ts";

/** setTimeout's largest wait; a longer timeout is no timeout. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs a step's command once; answers why it failed. When the run is aborted, its processes are gone on return. */
export async function attemptStep(
  run: LocalRun,
  step: Step,
  record: StepRecord,
  log: StepLog,
  env: Record<string, string>,
): Promise<Failure | undefined> {
  await removeOldOutputs(run, step);
  log.forgetTail();
  const command = { argv: ["/bin/sh", "-c", step.run], cwd: run.workDir, env };
  let limit: Failure | undefined;
  const end = await runRecorded(run, record, log, command, (group, finish) => {
    record.state = "running";
    return limits(run, step, group, (failure) => {
      limit = failure;
      finish();
    });
  });
  if (limit !== undefined) return limit;
  const failure = failureOf(end, log.lastLines(1)[0]);
  return failure ?? missingOutputs(run, step);
}

/**
 * Runs a command as a process group that is on record before it begins. `watch` may end it early; so does the end of
 * the run. Resolves when nothing of it is left.
 */
export async function runRecorded(
  run: LocalRun,
  record: StepRecord,
  log: StepLog,
  command: { argv: string[]; cwd: string; env: Record<string, string> },
  watch: (group: number, finish: () => void) => () => void,
): Promise<ProcessEnd> {
  const { context, signal } = run;
  const started = await startGroup({
    ...command,
    token: context.tokenOf(run.spec.id) + context.ids.hex(),
    output: (chunk) => log.write(chunk),
    table: context.table,
  });
  let ending: Promise<void> | undefined;
  const finish = (): void => {
    ending ??= endGroup(started.record, context.graceMs, context);
  };
  record.processes.push(started.record);
  const unwatch = watch(started.record.pid, finish);
  signal.addEventListener("abort", finish, { once: true });
  try {
    await run.save();
    if (signal.aborted) finish();
    else started.release();
    return await started.ended;
  } catch (error) {
    // Not on record, so it must not begin.
    finish();
    throw error;
  } finally {
    unwatch();
    signal.removeEventListener("abort", finish);
    await ending;
    record.processes = record.processes.filter((other) => other !== started.record);
  }
}

function limits(run: LocalRun, step: Step, group: number, over: (failure: Failure) => void): () => void {
  const timer = setTimeout(
    () =>
      over({
        code: "STEP_TIMEOUT",
        message: `step ${step.name} was still running after ${showDuration(step.timeout)}, its limit (timeout)`,
      }),
    Math.min(step.timeout, MAX_TIMER_MS),
  );
  const { memory } = step.resources;
  const unwatch =
    memory === undefined
      ? undefined
      : run.context.memory.watch(group, memory, (used) =>
          over({
            code: "STEP_OUT_OF_MEMORY",
            message: `step ${step.name} used ${showBytes(used)}, its limit is ${showBytes(memory)} (resources.memory)`,
          }),
        );
  return () => {
    clearTimeout(timer);
    unwatch?.();
  };
}

/** What a former attempt left must not pass for what this one promised. Committed files stay: a step may update them. */
async function removeOldOutputs(run: LocalRun, step: Step): Promise<void> {
  if (step.outputs.length === 0) return;
  const { files } = await run.commit();
  for (const path of step.outputs) {
    const committed = [...files.keys()].some((file) => file === path || file.startsWith(`${path}/`));
    if (!committed) await rm(join(run.workDir, path), { recursive: true, force: true });
  }
}

async function missingOutputs(run: LocalRun, step: Step): Promise<Failure | undefined> {
  const missing: string[] = [];
  for (const path of step.outputs) {
    const info = await lstat(join(run.workDir, path)).catch(() => undefined);
    if (info === undefined) missing.push(path);
  }
  if (missing.length === 0) return undefined;
  const written = await run.writtenBy(step.name);
  const shown =
    written.slice(0, 5).join(", ") + (written.length > 5 ? ` and ${written.length - 5} more` : "");
  return {
    code: "STEP_OUTPUT_MISSING",
    message: `step ${step.name} ended without writing ${missing.join(", ")} (outputs); it wrote ${shown || "nothing"}`,
    exitCode: 0,
  };
}
