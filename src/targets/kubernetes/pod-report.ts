import type { PodReport } from "../../base/pod-report.ts";
import { lastEnd } from "./serving/pods.ts";
import type { ContainerStatus, Pod } from "./serving/pods.ts";
import { timeOf } from "./serving/causes.ts";
import type { ClusterEvent } from "./serving/causes.ts";

export interface PodReportDeps {
  /** Those that the cluster keeps of the pod. */
  events(pod: Pod): Promise<ClusterEvent[]>;
  log(pod: Pod, lines: number): Promise<string[]>;
}

/** Events of a pod that are told. */
const EVENTS = 3;
const LINE = 300;

/** What a pod, its events and its container say. What can't be read is left out: a pod may go meanwhile. */
export async function reportPod(pod: Pod, deps: PodReportDeps, lines: number): Promise<PodReport> {
  const [events, log] = await Promise.all([
    deps.events(pod).catch((): ClusterEvent[] => []),
    deps.log(pod, lines).catch((): string[] => []),
  ]);
  const { namespace = "", name } = pod.metadata;
  return {
    name: `${namespace}/${name}`,
    ...stateOf(pod),
    message: messageOf(pod),
    events: eventLines(events),
    log: log.slice(-lines),
  };
}

/** The state that a person is shown by `kubectl get pods`, as far as it counts here. */
export function stateOf(pod: Pod): Pick<PodReport, "state" | "at"> {
  const time = (text: unknown): number | null => Date.parse(String(text ?? "")) || null;
  const { metadata, status } = pod;
  if (metadata["deletionTimestamp"] !== undefined)
    return { state: "Terminating", at: time(metadata["deletionTimestamp"]) };
  for (const { state } of containersOf(pod)) {
    const { waiting, terminated } = state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== "PodInitializing")
      return { state: waiting.reason, at: null };
    if (terminated !== undefined && terminated.exitCode !== 0)
      return { state: terminated.reason ?? "Error", at: time(terminated.finishedAt) };
  }
  const unready = (status?.conditions ?? []).find(
    ({ type, status }) => type === "Ready" && status !== "True",
  );
  const phase = status?.phase ?? "Pending";
  return {
    state: phase === "Running" && unready !== undefined ? "Running, not ready" : phase,
    at: time(unready?.lastTransitionTime ?? metadata["creationTimestamp"]),
  };
}

/** In one line: where it is, and what doesn't hold. */
function messageOf(pod: Pod): string {
  const { spec, status } = pod;
  const ended = lastEnd(pod);
  const restarts = Math.max(0, ...containersOf(pod).map(({ restartCount }) => restartCount));
  const waiting = containersOf(pod).flatMap(({ state }) => state?.waiting?.message ?? []);
  const failing = (status?.conditions ?? [])
    .filter(({ status, message }) => status === "False" && message !== undefined)
    // Those of its containers follow from these, and are told by them.
    .filter(({ type }) => type !== "Ready" && type !== "ContainersReady")
    .map(({ type, message }) => `${type}: ${message}`);
  const parts = [
    spec.nodeName === undefined ? "on no node yet" : `on node ${spec.nodeName}`,
    ...(restarts === 0 ? [] : [`started again ${restarts === 1 ? "once" : `${restarts} times`}`]),
    ...(ended === undefined || ended.exitCode === 0 ? [] : [`its container ended with ${ended.reason}`]),
    ...failing,
    ...waiting,
  ];
  return parts
    .join("; ")
    .replaceAll(/\s+/g, " ")
    .slice(0, LINE * 2);
}

function containersOf({ status }: Pod): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/**
 * The last warnings in the order of time, each with how often it came; where there are none, what was said last. A probe that
 * fails while the program begins is no news.
 */
export function eventLines(events: readonly ClusterEvent[]): string[] {
  const warnings = events.filter(
    ({ type, message = "" }) => type === "Warning" && !message.startsWith("Startup probe failed"),
  );
  return (warnings.length > 0 ? warnings : events.filter(({ type }) => type !== "Warning"))
    .toSorted((a, b) => timeOf(a) - timeOf(b))
    .slice(warnings.length > 0 ? -EVENTS : -1)
    .map((event) => {
      const count = event.series?.count ?? event.count ?? 1;
      const often = count > 1 ? ` (${count} times)` : "";
      return `${event.reason ?? "event"}${often}: ${event.message ?? ""}`
        .replaceAll(/\s+/g, " ")
        .slice(0, LINE);
    });
}
