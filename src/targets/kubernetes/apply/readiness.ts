import type { KubernetesObject } from "../object.ts";
import { groupOf } from "../object.ts";

/** Whether an object works. `failed` doesn't get better by waiting. */
export type Readiness = { state: "ready" } | { state: "waiting" | "failed"; why: string };

const READY: Readiness = { state: "ready" };
const waiting = (why: string): Readiness => ({ state: "waiting", why });
const failed = (why: string): Readiness => ({ state: "failed", why });

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

interface Status {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
  readyReplicas?: number;
  currentRevision?: string;
  updateRevision?: string;
  desiredNumberScheduled?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  phase?: string;
  conditions?: Condition[];
  loadBalancer?: { ingress?: unknown[] };
}

interface Spec {
  replicas?: number;
  completions?: number;
  suspend?: boolean;
  type?: string;
  updateStrategy?: { type?: string };
}

/** The condition by which a kind says that it works, where that isn't `Ready`. */
const CONDITIONS: Readonly<Record<string, string>> = {
  "CustomResourceDefinition.apiextensions.k8s.io": "Established",
  "APIService.apiregistration.k8s.io": "Available",
  "Gateway.gateway.networking.k8s.io": "Programmed",
  "GatewayClass.gateway.networking.k8s.io": "Accepted",
  "Prometheus.monitoring.coreos.com": "Available",
  "Alertmanager.monitoring.coreos.com": "Available",
};

/** Kinds that are asked for their `Ready`; of others that say nothing, being there is all that can be known. */
const SAYS_READY: ReadonlySet<string> = new Set([
  "Certificate.cert-manager.io",
  "ClusterIssuer.cert-manager.io",
  "Issuer.cert-manager.io",
  "Cluster.postgresql.cnpg.io",
  "InferenceService.serving.kserve.io",
  "GitRepository.source.toolkit.fluxcd.io",
  "Kustomization.kustomize.toolkit.fluxcd.io",
  "HelmRelease.helm.toolkit.fluxcd.io",
]);

/**
 * Whether a live object works, by the rules of its kind: what its controller wrote counts only once it has seen the
 * newest generation. `condition`: a component's own rule, `rolledOut` or the type of a condition.
 */
export function readinessOf(live: KubernetesObject, condition?: string): Readiness {
  if (live.metadata["deletionTimestamp"] !== undefined) return waiting("is being deleted");
  const status = (live["status"] ?? {}) as Status;
  const spec = (live["spec"] ?? {}) as Spec;
  const generation = Number(live.metadata["generation"] ?? 0);
  if (status.observedGeneration !== undefined && status.observedGeneration < generation)
    return waiting("its controller hasn't seen the change yet");
  const kind = `${live.kind}.${groupOf(live.apiVersion)}`;
  if (condition === undefined || condition === "rolledOut") {
    const known = byKind(kind, spec, status);
    if (known !== undefined) return known;
  }
  const wanted = condition === undefined || condition === "rolledOut" ? usualCondition(kind) : condition;
  return wanted === undefined ? READY : byCondition(status, wanted, generation);
}

/** By which a kind, as in `Gateway.gateway.networking.k8s.io`, says that it works; undefined: by nothing. */
export function usualCondition(kind: string): string | undefined {
  return CONDITIONS[kind] ?? (SAYS_READY.has(kind) ? "Ready" : undefined);
}

function byKind(kind: string, spec: Spec, status: Status): Readiness | undefined {
  switch (kind) {
    case "Deployment.apps":
      return deployment(spec, status);
    case "StatefulSet.apps":
      return statefulSet(spec, status);
    case "DaemonSet.apps":
      return daemonSet(status);
    case "Job.batch":
      return job(spec, status);
    case "Namespace.":
      return status.phase === "Active" || status.phase === undefined ? READY : waiting(`is ${status.phase}`);
    case "PersistentVolumeClaim.":
      // With a class that waits for the first consumer it stays Pending until a pod uses it.
      return status.phase === "Lost" ? failed("its volume is lost") : READY;
    case "Service.":
      return spec.type === "LoadBalancer" && (status.loadBalancer?.ingress ?? []).length === 0
        ? waiting("has no address yet")
        : READY;
    default:
      return undefined;
  }
}

function deployment(spec: Spec, status: Status): Readiness {
  const wanted = spec.replicas ?? 1;
  const progressing = status.conditions?.find(({ type }) => type === "Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded")
    return failed(progressing.message ?? "its deadline passed");
  if (status.observedGeneration === undefined) return waiting("its controller hasn't seen it yet");
  if ((status.updatedReplicas ?? 0) < wanted)
    return waiting(`${status.updatedReplicas ?? 0} of ${wanted} pods are of this version`);
  if ((status.replicas ?? 0) > wanted) return waiting("older pods still run");
  if ((status.availableReplicas ?? 0) < wanted)
    return waiting(`${status.availableReplicas ?? 0} of ${wanted} pods are available`);
  return READY;
}

function statefulSet(spec: Spec, status: Status): Readiness {
  const wanted = spec.replicas ?? 1;
  if (status.observedGeneration === undefined) return waiting("its controller hasn't seen it yet");
  if ((status.readyReplicas ?? 0) < wanted)
    return waiting(`${status.readyReplicas ?? 0} of ${wanted} pods are ready`);
  const isByHand = spec.updateStrategy?.type === "OnDelete";
  if (!isByHand && status.currentRevision !== status.updateRevision) return waiting("older pods still run");
  return READY;
}

function daemonSet(status: Status): Readiness {
  if (status.observedGeneration === undefined) return waiting("its controller hasn't seen it yet");
  const wanted = status.desiredNumberScheduled ?? 0;
  if ((status.updatedNumberScheduled ?? 0) < wanted || (status.numberAvailable ?? 0) < wanted)
    return waiting(`${status.numberAvailable ?? 0} of ${wanted} pods are available`);
  return READY;
}

function job(spec: Spec, { conditions = [] }: Status): Readiness {
  const find = (type: string) => conditions.find((one) => one.type === type && one.status === "True");
  const wrong = find("Failed");
  if (wrong !== undefined) return failed(wrong.message ?? "failed");
  return find("Complete") !== undefined || spec.suspend === true ? READY : waiting("hasn't ended yet");
}

function byCondition({ conditions = [] }: Status, type: string, generation: number): Readiness {
  const found = conditions.find((one) => one.type === type);
  if (found === undefined) return waiting(`says nothing of ${type} yet`);
  if (found.observedGeneration !== undefined && found.observedGeneration < generation)
    return waiting("its controller hasn't seen the change yet");
  if (found.status === "True") return READY;
  // What a definition of the Gateway API says until somebody has looked at the object.
  if (found.message === "Waiting for controller")
    return waiting(`isn't ${type.toLowerCase()}: no controller has taken it yet (NO_CONTROLLER)`);
  return waiting(found.message || found.reason || `${type} is ${found.status}`);
}
