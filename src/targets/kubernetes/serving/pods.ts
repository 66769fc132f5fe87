import type { ErrorBody } from "../../../http/errors.ts";
import type { WorkerState } from "../../../serving/backend.ts";
import type { KubernetesObject } from "../object.ts";

/** As much of a Pod (core/v1) as is looked at. */
export interface Pod extends KubernetesObject {
  spec: {
    nodeName?: string;
    containers: {
      name: string;
      image?: string;
      ports?: { name?: string; containerPort: number }[];
    }[];
  };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: PodCondition[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

interface PodCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface ContainerStatus {
  name: string;
  restartCount: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

interface ContainerState {
  running?: object;
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; exitCode: number; message?: string; finishedAt?: string };
}

/** Pods as the cluster tells of them. */
export interface PodSource {
  /** Those that match all labels, in any namespace that is watched. */
  find(labels: Readonly<Record<string, string>>): Pod[];
  /** Calls at every change, until what it answers is called. */
  onChange(listener: () => void): () => void;
}

export function isLeaving({ metadata, status }: Pod): boolean {
  return (
    metadata["deletionTimestamp"] !== undefined || status?.phase === "Failed" || status?.phase === "Succeeded"
  );
}

export function isReady(pod: Pod): boolean {
  if (isLeaving(pod) || pod.status?.podIP === undefined) return false;
  return (pod.status.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");
}

/** "host:port" of the container's port of that name; IPv6 in brackets. */
export function endpointOf(pod: Pod, portName: string): string | undefined {
  const ip = pod.status?.podIP;
  const ports = pod.spec.containers.flatMap(({ ports = [] }) => ports);
  const port = ports.find(({ name }) => name === portName)?.containerPort;
  if (ip === undefined || port === undefined) return undefined;
  return `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
}

/** Endpoints of the ready ones, sorted: the same pods give the same list. */
export function endpointsOf(pods: readonly Pod[], portName: string): string[] {
  return pods
    .filter(isReady)
    .flatMap((pod) => endpointOf(pod, portName) ?? [])
    .sort();
}

/**
 * Endpoints of the ready ones. While none is, those told last that are still there: a node that wasn't heard of for a while
 * has all of its pods called unready, and they answer all the same.
 * @param told as they were told, joined by commas
 */
export function endpointsToAsk(pods: readonly Pod[], portName: string, told = ""): string[] {
  const ready = endpointsOf(pods, portName);
  if (ready.length > 0) return ready;
  const staying = new Set(pods.filter((pod) => !isLeaving(pod)).map((pod) => endpointOf(pod, portName)));
  return told.split(",").filter((endpoint) => staying.has(endpoint));
}

export function uidOf({ metadata }: Pod): string {
  return metadata["uid"] as string;
}

/** The pod as one of a variant's workers. */
export function workerOf(pod: Pod): WorkerState {
  const status = pod.status?.containerStatuses?.[0];
  const endpoint = endpointOf(pod, "frames");
  const ended = lastEnd(pod);
  const isBackingOff = status?.state?.waiting?.reason === "CrashLoopBackOff";
  return {
    state: isReady(pod) ? "ready" : isLeaving(pod) ? "stopping" : isBackingOff ? "backing-off" : "starting",
    restarts: status?.restartCount ?? 0,
    ...(ended === undefined ? {} : { lastExit: ended.reason }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** How its container ended the last time; undefined when it never did. */
export function lastEnd(
  pod: Pod,
): { at: number; exitCode: number; reason: string; error?: ErrorBody } | undefined {
  const [status] = pod.status?.containerStatuses ?? [];
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  if (ended === undefined) return undefined;
  const error = errorIn(ended.message);
  const how = ended.reason === undefined || ended.reason === "Error" ? "" : ` (${ended.reason})`;
  const lines = (ended.message ?? "").trim().split("\n").slice(-6).join(" / ");
  const reason =
    error === undefined
      ? `exit code ${ended.exitCode}${how}${lines === "" ? "" : `: ${lines}`}`
      : `${error.code}: ${error.message}`;
  return {
    at: Date.parse(ended.finishedAt ?? "") || 0,
    exitCode: ended.exitCode,
    reason: reason.slice(0, 2_000),
    ...(error && { error }),
  };
}

/** What our own program left behind as its last words. */
function errorIn(message: string | undefined): ErrorBody | undefined {
  if (message === undefined || !message.startsWith("{")) return undefined;
  try {
    const error = JSON.parse(message) as ErrorBody;
    return typeof error.code === "string" && typeof error.message === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
