import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import { RUN_LABEL, STEP_LABEL } from "./workflow.ts";

/** A pod of a step. */
export interface StepPod {
  name: string;
  uid: string;
  /** 0 for the step's first. */
  tryNumber: number;
  /** Its containers have ended. */
  isOver: boolean;
  /** The step's own container has begun: there may be something in its log. */
  hasBegun: boolean;
}

interface ContainerStatus {
  name: string;
  state?: { running?: object; terminated?: object; waiting?: { reason?: string; message?: string } };
}

interface PodStatus {
  phase?: string;
  message?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
}

/** Argo's annotation of a pod: `pr-1.train(0)`. */
const NODE_NAME = "workflows.argoproj.io/node-name";
/** Of the container in which a step's command runs. */
export const MAIN = "main";

/** What containers wait for in the ordinary course of things. */
const ORDINARY = new Set(["PodInitializing", "ContainerCreating"]);

/**
 * What keeps a pod from beginning, in the form of Argo's own messages, `Reason: words`. Argo looks at the main
 * containers only, and says nothing of the init container whose image isn't there.
 */
export function pendingReasonOf(pod: KubernetesObject): string | undefined {
  const status = (pod["status"] ?? {}) as PodStatus;
  if (status.phase !== "Pending") return undefined;
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const waiting = containers
    .flatMap(({ state }) => state?.waiting ?? [])
    .find(({ reason = "" }) => reason !== "" && !ORDINARY.has(reason));
  const unplaced = status.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  const found = waiting ?? unplaced;
  if (found?.reason === undefined) return undefined;
  return found.message ? `${found.reason}: ${found.message}` : found.reason;
}

/** Pods of a pipeline run, or of one of its steps, in the order of their tries. */
export async function podsOfRun(
  client: ClusterClient,
  namespace: string,
  run: string,
  step?: string,
): Promise<StepPod[]> {
  const labelSelector = `${RUN_LABEL}=${run}${step === undefined ? "" : `,${STEP_LABEL}=${step}`}`;
  const found = await client.listKind("v1", "Pod", { namespace, labelSelector });
  return found
    .map((pod) => {
      const { metadata, status } = pod;
      const { phase, containerStatuses = [] } = (status ?? {}) as PodStatus;
      const main = containerStatuses.find(({ name }) => name === MAIN)?.state;
      return {
        name: metadata.name,
        uid: String(metadata["uid"]),
        tryNumber: tryOfPod(pod),
        isOver: phase === "Succeeded" || phase === "Failed",
        hasBegun: main?.running !== undefined || main?.terminated !== undefined,
      };
    })
    .sort((a, b) => a.tryNumber - b.tryNumber);
}

/** 0 for its step's first. */
export function tryOfPod({ metadata }: KubernetesObject): number {
  return Number(/\((\d+)\)$/.exec(metadata.annotations?.[NODE_NAME] ?? "")?.[1] ?? 0);
}
