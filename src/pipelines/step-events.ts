import type { SlipwayEvent } from "../base/events.ts";
import type { StepStatus } from "./engine.ts";
import type { PipelineRun } from "./pipeline-run.ts";

export type NewEvent = Omit<SlipwayEvent, "id" | "at">;

/** An event about a pipeline run, or about one of its steps. */
export function eventOf(
  run: Pick<PipelineRun, "id" | "project">,
  kind: string,
  message: string,
  more: {
    level?: SlipwayEvent["level"];
    step?: string;
    subjects?: string[];
    data?: Record<string, unknown>;
  } = {},
): NewEvent {
  const { level = "info", step, subjects = [], data } = more;
  return {
    level,
    kind,
    message,
    subjects: [
      ...(step === undefined ? [] : [`step/${run.id}/${step}`]),
      ...subjects,
      `pipeline-run/${run.id}`,
      `project/${run.project}`,
    ],
    ...(data === undefined ? {} : { data }),
  };
}

/**
 * What happened between two looks at the steps. Looks may lie apart, so a step can have started and ended
 * between them: both events come then.
 */
export function stepEvents(
  run: Pick<PipelineRun, "id" | "project">,
  before: readonly StepStatus[],
  after: readonly StepStatus[],
): NewEvent[] {
  const known = new Map(before.map((step) => [step.name, step]));
  return after.flatMap((step) => changes(run, known.get(step.name), step));
}

function changes(
  run: Pick<PipelineRun, "id" | "project">,
  was: StepStatus | undefined,
  step: StepStatus,
): NewEvent[] {
  const events: NewEvent[] = [];
  const { name, attempt, state } = step;
  const say = (kind: string, message: string, level: SlipwayEvent["level"] = "info"): void => {
    const data = { step: name, state, attempt, ...facts(step) };
    events.push(eventOf(run, kind, message, { step: name, level, data }));
  };
  const attempts = was?.attempt ?? 0;
  if (attempts === 0 && attempt > 0) say("step.started", `step ${name} started`);
  else if (attempt > attempts && state === "running")
    say("step.started", `step ${name} started, attempt ${attempt}`);
  const isNews = state === "preparing" && step.reason !== undefined && step.reason !== was?.reason;
  if (isNews && attempt === 0) say("step.preparing", `step ${name}: ${step.reason}`);
  if (isNews && attempt > 0) say("step.retried", `step ${name}: ${step.reason}`, "warn");
  if (was?.state === state) return events;
  const reason = step.reason ?? "";
  if (state === "succeeded") say("step.finished", `step ${name} finished in ${seconds(step)} (${reason})`);
  else if (state === "cached") say("step.cached", `step ${name} ${reason}`);
  else if (state === "failed") say("step.failed", `step ${name} failed: ${reason}`, "error");
  else if (state === "cancelled") say("step.cancelled", `step ${name} was cancelled`, "warn");
  else if (state === "skipped") say("step.skipped", `step ${name} was skipped: ${reason}`, "warn");
  return events;
}

function facts(step: StepStatus): Record<string, unknown> {
  return {
    ...(step.exitCode === undefined ? {} : { exitCode: step.exitCode }),
    ...(step.code === undefined ? {} : { code: step.code }),
    ...(step.reason === undefined ? {} : { reason: step.reason }),
  };
}

function seconds({ startedAt, finishedAt }: StepStatus): string {
  return `${(((finishedAt ?? 0) - (startedAt ?? 0)) / 1000).toFixed(1)} s`;
}
