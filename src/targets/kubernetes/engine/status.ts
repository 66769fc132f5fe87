import { gunzipSync } from "node:zlib";
import type { PipelineRunStatus, StepStatus } from "../../../pipelines/engine.ts";
import type { LatestReport, StepReport } from "../../../pipelines/remote/report.ts";
import { endState, isFinal, skippedSteps } from "../../../pipelines/schedule.ts";
import type { Step } from "../../../spec/project.ts";
import { findingOf } from "./messages.ts";
import { templateName } from "./render.ts";
import type { Workflow, WorkflowNode } from "./workflow.ts";

/** All that is known of a pipeline run at one moment. `workflow` null: it isn't in the cluster (any more). */
export interface Known {
  steps: readonly Step[];
  workflow: Workflow | null;
  /** Newest report by step. */
  reports: ReadonlyMap<string, LatestReport>;
  /** What keeps a step's pod from beginning, by step, in the words of Kubernetes. */
  pending?: ReadonlyMap<string, string>;
  /** It was told to end, and no pod of it is left, whatever Argo says of it. */
  isStopped?: boolean;
}

/** Of a Workflow: the step that could not begin within the patience that there is, and why. */
export const GAVE_UP = "slipway.dev/gave-up";

/**
 * What observers see: Argo says what became of pods, the steps themselves say the rest. A step's own last word counts
 * as soon as it is there; Argo's may come later, after the wait before a retry that won't be.
 */
export function statusOf(known: Known): PipelineRunStatus {
  const { steps, workflow, reports, pending, isStopped = false } = known;
  const nodes = workflow === null ? [] : Object.values(nodesOf(workflow));
  const isOver = workflow === null || isStopped || hasEnded(workflow);
  const isCancelled = workflow?.spec.shutdown !== undefined;
  const found = steps.map(({ name }) =>
    stepStatus(name, nodes, { latest: reports.get(name), kept: pending?.get(name), isCancelled }),
  );
  const gaveUp = givenUpOf(workflow);
  const stuck = found.find(({ name, state }) => name === gaveUp?.name && !isFinal(state));
  if (stuck !== undefined) Object.assign(stuck, gaveUp);
  const states = new Map(found.map(({ name, state }) => [name, state]));
  const skipped = skippedSteps(steps, states);
  for (const status of found) {
    const reason = skipped.get(status.name);
    if (reason !== undefined) Object.assign(status, { state: "skipped", reason });
  }
  if (isOver && !isCancelled && workflow !== null) giveUp(found, workflow);
  if (isOver) endRest(found, isCancelled);
  const end = endState(found.map(({ state }) => state));
  if (end === undefined) return { state: "running", steps: found };
  return { state: isCancelled && end !== "failed" ? "cancelled" : end, steps: found };
}

function givenUpOf(workflow: Workflow | null): StepStatus | undefined {
  const text = workflow?.metadata.annotations?.[GAVE_UP];
  return text === undefined ? undefined : (JSON.parse(text) as StepStatus);
}

export function hasEnded({ status }: Workflow): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed" || status?.phase === "Error";
}

function nodesOf({ status }: Workflow): Record<string, WorkflowNode> {
  if (status?.nodes !== undefined && Object.keys(status.nodes).length > 0) return status.nodes;
  if (status?.compressedNodes === undefined || status.compressedNodes === "") return {};
  const text = gunzipSync(new Uint8Array(Buffer.from(status.compressedNodes, "base64")), {
    maxOutputLength: 64 * 2 ** 20,
  });
  return JSON.parse(text.toString("utf8")) as Record<string, WorkflowNode>;
}

function stepStatus(
  name: string,
  nodes: readonly WorkflowNode[],
  {
    latest,
    kept,
    isCancelled,
  }: { latest: LatestReport | undefined; kept: string | undefined; isCancelled: boolean },
): StepStatus {
  const own = nodes.filter(({ templateName: of }) => of === templateName(name));
  const retry = own.find(({ type }) => type === "Retry");
  const pods = own.filter(({ type }) => type === "Pod").sort((a, b) => tryOf(a) - tryOf(b));
  const pod = pods.at(-1);
  if (latest?.report.isFinal) return fromReport(name, latest.report);
  const isUnderWay = pod?.phase === undefined || pod.phase === "Pending" || pod.phase === "Running";
  // A step speaks for itself as soon as it can: Argo looks at pods every few seconds.
  if (latest !== undefined && latest.tryNumber >= (pod === undefined ? 0 : tryOf(pod) + (isUnderWay ? 0 : 1)))
    if (latest.report.state === "preparing" || latest.report.state === "running")
      return { ...fromReport(name, latest.report), ...timeOf("startedAt", pods[0]?.startedAt) };
  if (pod === undefined) {
    const said = retry?.message;
    return { name, state: "waiting", attempt: 0, ...(said ? explained(said) : {}) };
  }
  const said = latest !== undefined && latest.tryNumber === tryOf(pod) ? latest.report : undefined;
  const attempt = said?.attempt ?? (latest === undefined ? pods.length : latest.report.attempt);
  const base = { name, attempt, ...timeOf("startedAt", pods[0]?.startedAt) };
  if (said?.state === "failed" && isUnderWay)
    return { ...base, state: "preparing", reason: `attempt ${attempt} failed: ${said.reason}; again soon` };
  if (pod.phase === "Pending" || pod.phase === undefined)
    return { ...base, state: "preparing", ...explained(kept ?? pod.message) };
  if (pod.phase === "Running") return { ...base, state: "preparing", reason: "its pod has started" };
  if (pod.phase === "Succeeded")
    return { ...base, state: "succeeded", exitCode: 0, ...timeOf("finishedAt", pod.finishedAt) };
  // What a cancelled step's pod ends with is our doing.
  if (isCancelled && said?.state !== "failed") return { ...base, state: "running" };
  const why = whyFailed(pod, said);
  const isGivenUp = retry === undefined || retry.phase === "Failed" || retry.phase === "Error";
  if (!isGivenUp)
    return { ...base, state: "preparing", reason: `attempt ${attempt} failed: ${why.reason}; again soon` };
  return { ...base, state: "failed", ...why, ...timeOf("finishedAt", pod.finishedAt) };
}

function fromReport(name: string, report: StepReport): StepStatus {
  const { state, attempt, startedAt, finishedAt, exitCode, reason, code } = report;
  return {
    name,
    state,
    attempt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
  };
}

/** Which try of its step a pod is: `train(2)` is the third, 2. */
function tryOf({ displayName = "", name }: WorkflowNode): number {
  return Number(/\((\d+)\)$/.exec(displayName)?.[1] ?? /\((\d+)\)$/.exec(name)?.[1] ?? 0);
}

function explained(message: string | undefined): { reason?: string; code?: NonNullable<StepStatus["code"]> } {
  if (message === undefined || message === "") return {};
  if (message === "PodInitializing" || message === "ContainerCreating") return { reason: "its pod starts" };
  return findingOf(message) ?? { reason: message.slice(0, 600) };
}

/** What the cluster knows better than the step comes first: the kernel ends a step that can't say so. */
function whyFailed(
  pod: WorkflowNode,
  said: StepReport | undefined,
): { reason: string; code: NonNullable<StepStatus["code"]>; exitCode?: number } {
  if (said?.state === "failed")
    return {
      reason: said.reason ?? "failed",
      code: said.code ?? "STEP_FAILED",
      ...(said.exitCode === undefined ? {} : { exitCode: said.exitCode }),
    };
  const exitCode = /exit code (\d+)/.exec(pod.message ?? "")?.[1];
  const finding = findingOf(pod.message);
  return {
    reason: finding?.reason ?? `its pod failed: ${(pod.message ?? "no message").slice(0, 600)}`,
    code: finding?.code ?? "STEP_FAILED",
    ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
  };
}

/** A workflow that ended before its steps: refused as a whole, such as for an account that isn't there. */
function giveUp(found: StepStatus[], { status }: Workflow): void {
  if (status?.phase === "Succeeded" || found.some(({ state }) => state === "failed")) return;
  const first = found.find(({ state }) => !isFinal(state));
  if (first === undefined) return;
  const said = status?.message;
  const finding = findingOf(said);
  Object.assign(first, {
    state: "failed",
    code: finding?.code ?? "WORKFLOW_REFUSED",
    reason: finding?.reason ?? `the workflow ended: ${said ?? "no message"}`,
  });
}

function endRest(found: StepStatus[], isCancelled: boolean): void {
  const failed = found.find(({ state }) => state === "failed");
  for (const status of found) {
    if (isFinal(status.state)) continue;
    if (failed !== undefined && status.state === "waiting" && !isCancelled)
      Object.assign(status, { state: "skipped", reason: `step ${failed.name} failed` });
    else
      Object.assign(status, {
        state: "cancelled",
        reason: isCancelled ? whyCancelled(failed) : "its workflow is no longer in the cluster",
      });
    delete status.code;
  }
}

function whyCancelled(failed: StepStatus | undefined): string {
  return failed === undefined ? "the pipeline run was cancelled" : `step ${failed.name} couldn't begin`;
}

function timeOf<Key extends "startedAt" | "finishedAt">(
  key: Key,
  text: string | null | undefined,
): { [K in Key]?: number } {
  const time = text ? Date.parse(text) : Number.NaN;
  return (Number.isNaN(time) ? {} : { [key]: time }) as { [K in Key]?: number };
}
