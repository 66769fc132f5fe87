import { join } from "node:path";
import { nextAttempt } from "../../../pipelines/retry.ts";
import { toSlipwayError } from "../../../http/errors.ts";
import type { Step } from "../../../spec/project.ts";
import { attemptStep, runRecorded } from "./attempt.ts";
import { showDuration, type Failure } from "./failure.ts";
import { findMissingInputs, keepResult, planReuse, tryReuse } from "./reuse.ts";
import type { LocalRun } from "./run.ts";
import type { StepRecord } from "./state-file.ts";
import { StepLog } from "./step-log.ts";

/** Lines of an installer's output that its failure shows. */
const INSTALLER_LINES = 5;

/** Takes one step from waiting to its end. Throws only when the run itself can't go on. */
export async function runStep(run: LocalRun, step: Step, record: StepRecord): Promise<void> {
  const { clock, maxLogBytes } = run.context;
  const log = new StepLog(join(run.logDir, logName(step.name)), maxLogBytes, () => run.logGrew());
  try {
    record.state = "preparing";
    record.startedAt = clock.now();
    // Not worth a write: after a restart it is the same as waiting.
    run.announce();
    const failure = await prepareAndRun(run, step, record, log);
    if (run.signal.aborted) return;
    if (failure) fail(record, failure, log);
  } catch (error) {
    if (run.signal.aborted) return;
    const { code, message } = toSlipwayError(error);
    fail(record, { code, message }, log);
  } finally {
    record.finishedAt = clock.now();
    log.close();
  }
}

/** File name of a step's log. */
export function logName(step: string): string {
  return `${encodeURIComponent(step)}.log`;
}

function fail(record: StepRecord, failure: Failure, log: StepLog): void {
  record.state = "failed";
  record.reason = failure.message;
  record.code = failure.code;
  if (failure.exitCode !== undefined) record.exitCode = failure.exitCode;
  log.note(`failed: ${failure.message}`);
}

async function prepareAndRun(
  run: LocalRun,
  step: Step,
  record: StepRecord,
  log: StepLog,
): Promise<Failure | undefined> {
  const environment = await run.environment({
    log: (line) => {
      log.note(line);
      record.reason = line;
      run.announce();
    },
    execute: async ({ file, args, cwd, env }) => {
      const command = { argv: [file, ...args], cwd, env };
      const end = await runRecorded(run, record, log, command, () => () => {});
      return { ...end, lastLines: log.lastLines(INSTALLER_LINES) };
    },
  });
  const missing = await findMissingInputs(run, step);
  if (missing) return missing;
  const plan = await planReuse(run, step, environment.hash);
  const reuse = await tryReuse(run, step, record, plan);
  if ("reused" in reuse) {
    record.state = "cached";
    record.reason = reuse.reused;
    log.note(reuse.reused);
    return undefined;
  }
  // Shown from the first attempt on: while a step is preparing its reason says what it waits for.
  delete record.reason;
  const notReused = `not reused: ${reuse.not}`;
  log.note(notReused);
  const env = {
    ...run.context.stepEnv,
    PYTHONUNBUFFERED: "1",
    ...run.spec.env,
    ...environment.env,
    ...stepVariables(step),
  };
  await run.beginWatching(step.name);
  const failure = await attempts(run, step, record, { log, env, notReused });
  if (failure || run.signal.aborted) {
    await run.abandonWatching(step.name);
    return failure;
  }
  const notKept = await keepResult(run, step, record, plan);
  if (notKept !== undefined) log.note(`not kept for reuse: ${notKept}`);
  record.state = "succeeded";
  record.exitCode = 0;
  return undefined;
}

/** A step's own variables: its name, and its params as SLIPWAY_PARAM_<NAME>. */
function stepVariables(step: Step): Record<string, string> {
  const variables: Record<string, string> = { SLIPWAY_STEP: step.name };
  for (const [name, value] of Object.entries(step.params))
    variables[`SLIPWAY_PARAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`] = String(value);
  return variables;
}

async function attempts(
  run: LocalRun,
  step: Step,
  record: StepRecord,
  { log, env, notReused }: { log: StepLog; env: Record<string, string>; notReused: string },
): Promise<Failure | undefined> {
  const { clock, slots } = run.context;
  for (;;) {
    const release = await slots.acquire(step.resources.cpu ?? 1, run.signal);
    let failure: Failure | undefined;
    try {
      if (record.attempt === 0) record.startedAt = clock.now();
      record.attempt++;
      record.reason = notReused;
      failure = await attemptStep(run, step, record, log, env);
    } finally {
      release();
    }
    if (failure === undefined || run.signal.aborted) return undefined;
    record.failures++;
    const next = nextAttempt(step, record.failures);
    if (!next.again) return failure;
    record.state = "preparing";
    record.reason = `attempt ${record.attempt} failed: ${failure.message}; again in ${showDuration(next.waitMs)}`;
    log.note(record.reason);
    run.touch();
    await clock.sleep(next.waitMs, run.signal);
  }
}
