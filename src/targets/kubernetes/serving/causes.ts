import { SlipwayError } from "../../../http/errors.ts";
import type { ErrorBody } from "../../../http/errors.ts";
import { isBeyondQuota } from "../quota-words.ts";
import { isReady, lastEnd } from "./pods.ts";
import type { Pod } from "./pods.ts";
import { KSERVE_KIND } from "./variant-kinds.ts";

/** Why a variant isn't ready, as `why` names it. */
export type CauseCode =
  | "IMAGE_NOT_PULLED"
  | "POD_CRASHED"
  | "MODEL_NOT_LOADED"
  | "POD_UNSCHEDULABLE"
  | "VOLUME_PENDING"
  | "QUOTA_EXCEEDED"
  | "OBJECT_REFUSED"
  | "OBJECT_NOT_OURS"
  | "DELIVERY_BLOCKED"
  | "POD_STARTING"
  | "NO_PODS";

export interface Cause {
  code: CauseCode;
  message: string;
  /** Waiting longer is of no use, as far as can be told. */
  isFinal: boolean;
  /** It says something about the version itself, not about the cluster. */
  error?: ErrorBody;
  /** What to do, where that isn't what is done mostly. */
  hint?: string;
}

/** As much of an Event (core/v1) as is looked at. */
export interface ClusterEvent {
  type?: string;
  reason?: string;
  message?: string;
  involvedObject: { kind?: string; name?: string };
  metadata?: { creationTimestamp?: string };
  count?: number;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  series?: { count?: number; lastObservedTime?: string };
}

/** Newer writers tell it of the series, older ones by `lastTimestamp`; of one that came once `eventTime` says it. */
export function timeOf({ series, lastTimestamp, eventTime, metadata }: ClusterEvent): number {
  const text = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata?.creationTimestamp;
  return Date.parse(text ?? "") || 0;
}

const PULL = new Set(["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"]);
/** The kubelet's own words for a container that couldn't be made. */
const CONFIG = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError"]);
/** Ends in a row after which a container that never was ready counts as unable to. */
const MANY_RESTARTS = 3;

/** Most telling first: what a pod itself says, then what keeps pods from being made. Undefined when all are ready. */
export function causeOf(
  pods: readonly Pod[],
  events: readonly ClusterEvent[],
  wanted: number,
): Cause | undefined {
  if (pods.filter(isReady).length >= wanted) return undefined;
  const ofPods = pods.filter((pod) => !isReady(pod)).flatMap((pod) => causeOfPod(pod, events) ?? []);
  const [telling] = ofPods.toSorted((a, b) => Number(b.isFinal) - Number(a.isFinal));
  const none = pods.length === 0 ? causeOfService(events) : undefined;
  return telling ?? causeOfNone(pods, events) ?? none ?? starting(pods.length, wanted);
}

function causeOfPod(pod: Pod, events: readonly ClusterEvent[]): Cause | undefined {
  const { name } = pod.metadata;
  const [container] = pod.status?.containerStatuses ?? [];
  const waiting = container?.state?.waiting;
  const reason = waiting?.reason ?? "";
  const image = pod.spec.containers[0]?.image ?? "unknown";
  if (PULL.has(reason)) {
    const why = waiting?.message ?? reason;
    const message = `the image ${image} of pod ${name} can't be pulled: ${why}`;
    return { code: "IMAGE_NOT_PULLED", message, isFinal: reason === "InvalidImageName" };
  }
  if (CONFIG.has(reason)) {
    const message = `pod ${name} can't be started: ${waiting?.message ?? reason}`;
    return { code: "POD_CRASHED", message, isFinal: false };
  }
  return causeOfEnd(pod, container?.restartCount ?? 0) ?? causeOfPlace(pod) ?? causeOfMount(pod, events);
}

function causeOfEnd(pod: Pod, restarts: number): Cause | undefined {
  const ended = lastEnd(pod);
  if (ended === undefined || ended.exitCode === 0) return undefined;
  const { name } = pod.metadata;
  const { error } = ended;
  if (error !== undefined && /^(?:MODEL|CONTRACT|ENVIRONMENT)_/.test(error.code))
    return {
      code: "MODEL_NOT_LOADED",
      message: `pod ${name}: ${error.message} (${error.code})`,
      isFinal: true,
      error,
    };
  const message = `pod ${name} ended ${restarts + 1} times, the last time with ${ended.reason}`;
  return { code: "POD_CRASHED", message, isFinal: restarts >= MANY_RESTARTS };
}

function causeOfPlace(pod: Pod): Cause | undefined {
  const scheduled = (pod.status?.conditions ?? []).find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  const why = scheduled.message ?? scheduled.reason ?? "no node takes it";
  const isVolume = /persistentvolumeclaim|volume/i.test(why);
  return {
    code: isVolume ? "VOLUME_PENDING" : "POD_UNSCHEDULABLE",
    message: `pod ${pod.metadata.name} waits for ${isVolume ? "its volume" : "a node"}: ${why}`,
    isFinal: false,
  };
}

function causeOfMount({ metadata }: Pod, events: readonly ClusterEvent[]): Cause | undefined {
  const own = events.filter(({ involvedObject }) => involvedObject.name === metadata.name);
  const failed = own.findLast(
    ({ reason }) =>
      reason === "FailedMount" || reason === "FailedAttachVolume" || reason === "FailedCreatePodSandBox",
  );
  if (failed === undefined) return undefined;
  const code = failed.reason === "FailedCreatePodSandBox" ? "POD_CRASHED" : "VOLUME_PENDING";
  return { code, message: `pod ${metadata.name}: ${failed.message ?? failed.reason}`, isFinal: false };
}

/** Pods that were never made: said of their ReplicaSet. What was said before the newest pod came is over. */
function causeOfNone(pods: readonly Pod[], events: readonly ClusterEvent[]): Cause | undefined {
  const made = pods.map(({ metadata }) => Date.parse(String(metadata["creationTimestamp"])) || 0);
  const failed = events
    .toSorted((a, b) => timeOf(a) - timeOf(b))
    .findLast(({ reason, involvedObject }) => reason === "FailedCreate" && involvedObject.kind !== "Pod");
  if (failed === undefined || timeOf(failed) < Math.max(0, ...made)) return undefined;
  // Where several were like it, and in the words of who tried.
  const said = (failed.message ?? "").replace(
    /^(?:\(combined from similar events\): )?(?:Error creating: )?/,
    "",
  );
  const message = `its pods aren't let in: ${said}`;
  return { code: codeOfRefusal(said), message, isFinal: isBeyondQuota(said) };
}

/** Pods that KServe doesn't make: said of the InferenceService. What it only has to try again is said that way too. */
function causeOfService(events: readonly ClusterEvent[]): Cause | undefined {
  const own = events.filter(({ type, involvedObject, message = "" }) => {
    return type === "Warning" && involvedObject.kind === KSERVE_KIND.kind && message !== "";
  });
  const said = own.at(-1)?.message;
  if (said === undefined) return undefined;
  return { code: codeOfRefusal(said), message: `KServe makes no pods of it: ${said}`, isFinal: false };
}

/** An object that the API server, or a webhook of the cluster, doesn't take; a webhook that is away says nothing about it. */
export function refusalOf(object: string, said: string): Cause {
  const message = `the cluster refuses ${object}: ${said}`;
  const isAway = /failed calling webhook|conversion webhook/.test(said);
  const hint =
    "Whoever answers that webhook must run, as KServe's manager does; it is tried again by itself.";
  return { code: codeOfRefusal(said), message, isFinal: !isAway, ...(isAway && { hint }) };
}

function codeOfRefusal(said: string): CauseCode {
  return /exceeded quota|must specify|maximum .* usage per/i.test(said) ? "QUOTA_EXCEEDED" : "OBJECT_REFUSED";
}

function starting(pods: number, wanted: number): Cause {
  if (pods === 0)
    return { code: "NO_PODS", message: "the cluster has made no pod of it yet", isFinal: false };
  return { code: "POD_STARTING", message: `${pods} of ${wanted} pods are starting`, isFinal: false };
}

/** Pods take their time to begin. */
export function isOrdinary({ code }: Cause): boolean {
  return code === "POD_STARTING" || code === "NO_PODS";
}

/** What the cluster makes of a variant's objects, as an error: of what isn't about the variant itself GITOPS_STALLED. */
export function notCarriedOut(variant: { service: string; version: number }, cause: Cause): SlipwayError {
  const { isFinal, message, hint } = cause;
  return isFinal
    ? notReady(variant, cause)
    : new SlipwayError("GITOPS_STALLED", message, hint === undefined ? {} : { hint });
}

/** What to do about each; of one that isn't here the worker's own lines say more. */
const HINTS: Partial<Record<CauseCode, string>> = {
  IMAGE_NOT_PULLED: "Check the image's name and that its node may pull it, and ask again.",
  POD_UNSCHEDULABLE: "Ask for less in `serving.resources`, or add a node that has as much.",
  VOLUME_PENDING: "`kubectl describe pvc` in the tenant's namespace says why the volume isn't there.",
  QUOTA_EXCEEDED: "Ask for less in `serving`, or raise the tenant's quota in platform.yaml.",
  OBJECT_REFUSED: "Do what the policy or webhook asks for, and ask again.",
  OBJECT_NOT_OURS: "Remove or rename that object, and ask again.",
};

/** VARIANT_NOT_READY with its cause; what the model itself is to blame for keeps its own code. */
export function notReady(
  { service, version }: { service: string; version: number },
  { code, message, error }: Cause,
): SlipwayError {
  const hint = error === undefined ? HINTS[code] : error.hint;
  const said = error === undefined ? `${message} (${code})` : message;
  return new SlipwayError("VARIANT_NOT_READY", `version ${version} of ${service} isn't ready: ${said}`, {
    where: `version/${service}/${version}`,
    details: { cause: code, ...(error && { error }) },
    ...(hint !== undefined && { hint }),
  });
}
