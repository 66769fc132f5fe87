import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, type Clock } from "../../base/clock.ts";
import { systemIds } from "../../base/ids.ts";
import type { Invocation } from "../../base/invocation.ts";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import type { StepStatus } from "../../pipelines/engine.ts";
import { packInto } from "../../pipelines/remote/archive-file.ts";
import type { StepAssignment } from "../../pipelines/remote/assignment.ts";
import { StepClient } from "../../pipelines/remote/client.ts";
import type { StepReport } from "../../pipelines/remote/report.ts";
import { STEP_EXIT } from "../../targets/kubernetes/engine/render.ts";
import { readRecord } from "../../targets/local/engine/state-file.ts";
import { WorkScan } from "../../targets/local/engine/work-scan.ts";
import { stepEnvironment } from "../step-environment.ts";
import { stepSettings, type StepSettings } from "./step-settings.ts";
import { prepareStep, type StepWork, type StepWorkDeps } from "./step-work.ts";

/** A step's own failures, which another attempt may not meet; all others come again as they came. */
const WORTH_RETRYING: ReadonlySet<string> = new Set([
  "STEP_FAILED",
  "STEP_COMMAND_NOT_FOUND",
  "STEP_OUTPUT_MISSING",
  "STEP_TIMEOUT",
  "STEP_OUT_OF_MEMORY",
]);
/** What shells say of a program that SIGTERM ended. */
const TERMINATED = 143;
const MAX_ENTRIES = 1_000_000;

/** The process of a step's pod: gets its work from the platform, does it, leaves there what it wrote and said. */
export async function stepRole({ env }: Invocation): Promise<void> {
  let settings: StepSettings;
  try {
    settings = stepSettings(env);
  } catch (error) {
    console.error(toSlipwayError(error).message);
    process.exitCode = STEP_EXIT.settings;
    return;
  }
  process.title = `slipway step ${settings.step}`;
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort(new Error("the pod ends")));
  const deps = { stepEnv: stepEnvironment(env), clock: systemClock, signal: stop.signal };
  process.exitCode = await runStep(settings, {
    ...deps,
    print: (line) => void process.stdout.write(`${line}\n`),
  });
}

export interface StepRunDeps {
  /** What the step may see of this machine's environment. */
  stepEnv: Record<string, string>;
  clock: Clock;
  /** The pod ends. */
  signal: AbortSignal;
  /** What is said, line by line. */
  print: (line: string) => void;
}

/** Does the step; answers the process's exit code. */
export async function runStep(settings: StepSettings, given: StepRunDeps): Promise<number> {
  const { clock, stepEnv, signal, print } = given;
  const log = (line: string): void => print(`slipway: ${line}`);
  const client = new StepClient({ ...settings, clock, log });
  const ids = systemIds(() => clock.now());
  const { folder, maxBytes } = settings;
  const limits = { bytes: maxBytes, entries: MAX_ENTRIES };
  let assigned: StepAssignment | undefined;
  try {
    assigned = await client.assignment();
    const deps: StepWorkDeps = { client, clock, ids, folder, limits, stepEnv, log };
    return await work(assigned, await prepareStep(assigned, deps), client, given);
  } catch (error) {
    const { code, message, facts } = toSlipwayError(error);
    log(message);
    if (signal.aborted) return TERMINATED;
    if (code === "CONFLICT") return exitOfOther(facts.details);
    // A platform that is away takes no report; another pod may find it back.
    if (code === "UNAVAILABLE" || code === "INTERNAL") return STEP_EXIT.again;
    const attempt = assigned?.attempt ?? 1;
    const report = { state: "failed", attempt, isFinal: true, code, reason: message.slice(0, 4000) } as const;
    // Who isn't let in can't say so there either.
    await client.report(report).catch((refused: unknown) => log(toSlipwayError(refused).message));
    return STEP_EXIT.final;
  }
}

/** The step has ended in another pod already: Argo is to see the same. */
function exitOfOther(details: unknown): number {
  const { ended } = (details ?? {}) as { ended?: string | null };
  return ended === "succeeded" || ended === "cached" ? 0 : STEP_EXIT.final;
}

async function work(
  assigned: StepAssignment,
  step: StepWork,
  client: StepClient,
  { signal, print }: StepRunDeps,
): Promise<number> {
  const { engine, spec } = step;
  const scan = new WorkScan(step.workDir);
  await scan.remember();
  await engine.submit(spec);
  const cancel = (): void => void engine.cancel(spec.id).catch(() => undefined);
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const printed = show(step, assigned.step, print);
  let last: StepStatus | undefined;
  for await (const { state, steps } of engine.observe(spec.id, new AbortController().signal)) {
    last = steps.find(({ name }) => name === assigned.step);
    if (state !== "running" || last === undefined || signal.aborted) continue;
    if (last.state === "preparing" || last.state === "running")
      await client.report(reportOf(last, assigned, false));
  }
  await printed;
  await engine.close();
  const log = client.sendLog(step.logFile);
  // It isn't known to have failed by itself: the platform sees a try that was cut short.
  if (signal.aborted || last === undefined || last.state === "cancelled") {
    await log.catch(() => undefined);
    return TERMINATED;
  }
  const failed = last.state === "failed";
  const isFinal = !failed || assigned.isLast || !WORTH_RETRYING.has(last.code ?? "");
  const left = failed ? {} : await leave(step, assigned, client, scan);
  await log;
  await client.report({ ...reportOf(last, assigned, isFinal), ...left });
  if (!failed) return 0;
  return isFinal ? STEP_EXIT.final : STEP_EXIT.again;
}

function reportOf(status: StepStatus, { attempt }: StepAssignment, isFinal: boolean): StepReport {
  const { startedAt, finishedAt, exitCode, reason, code } = status;
  const state = status.state === "waiting" || status.state === "skipped" ? "preparing" : status.state;
  return {
    state,
    attempt: status.attempt || attempt,
    isFinal,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined || !isEnd(state) ? {} : { finishedAt }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, 4000) }),
    ...(code === undefined ? {} : { code }),
  };
}

function isEnd(state: StepReport["state"]): boolean {
  return state !== "preparing" && state !== "running";
}

/** Everything that the step wrote goes on to those that need it, declared or not: on a laptop they share a folder. */
async function leave(
  step: StepWork,
  assigned: StepAssignment,
  client: StepClient,
  scan: WorkScan,
): Promise<Pick<StepReport, "archive" | "outputs" | "effects" | "opaque">> {
  const declared = step.spec.project.pipeline.steps.find(({ name }) => name === assigned.step)?.outputs ?? [];
  const written = await scan.changes();
  if (written === undefined)
    throw new SlipwayError("STEP_OUTPUT_MISSING", "the working folder has more files than can be followed", {
      hint: "Let the step write large numbers of files outside of its working folder, such as to /tmp.",
    });
  const isDeclared = (path: string): boolean =>
    declared.some((output) => path === output || path.startsWith(`${output.replace(/\/+$/, "")}/`));
  const file = join(step.temporary, "left.tar");
  const archive = await packInto(file, step.workDir, [
    ...declared,
    ...written.filter((path) => !isDeclared(path)),
  ]);
  await client.sendArchive(archive.sha256, file);
  await rm(file, { force: true });
  const record = await readRecord(step.stateFile);
  const own = record?.steps.find(({ name }) => name === assigned.step);
  return {
    archive,
    ...(own?.outputs === undefined ? {} : { outputs: own.outputs }),
    ...(own?.effects === undefined ? {} : { effects: own.effects }),
    ...(own?.opaque === undefined ? {} : { opaque: own.opaque.slice(0, 4000) }),
  };
}

/** What the step says is shown where a person looks at pods. */
async function show(
  { engine, spec, logFile }: StepWork,
  step: string,
  print: StepRunDeps["print"],
): Promise<void> {
  const options = { step, follow: true, signal: new AbortController().signal };
  for await (const { line } of engine.logs(spec.id, options)) print(line);
  // A step that was over before it could say anything has no log; its place in the platform isn't left empty.
  await (await open(logFile, "a")).close();
}
