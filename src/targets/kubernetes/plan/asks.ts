import type { KubernetesObject } from "../object.ts";
import { groupOf } from "../object.ts";
import { podTemplate } from "../pod-template.ts";
import { readQuantity } from "./quantity.ts";

/** What something asks of a cluster: cores, bytes of memory, bytes of storage, pods. */
export interface Asks {
  cpu: number;
  memory: number;
  storage: number;
  pods: number;
}

export const NOTHING: Asks = { cpu: 0, memory: 0, storage: 0, pods: 0 };

export function add(a: Asks, b: Asks): Asks {
  return {
    cpu: a.cpu + b.cpu,
    memory: a.memory + b.memory,
    storage: a.storage + b.storage,
    pods: a.pods + b.pods,
  };
}

function times(a: Asks, factor: number): Asks {
  return {
    cpu: a.cpu * factor,
    memory: a.memory * factor,
    storage: a.storage * factor,
    pods: a.pods * factor,
  };
}

type Fields = Record<string, unknown>;
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Fields)[key] : undefined),
    value,
  );

/**
 * What an object asks for when it runs: requests as the scheduler counts them, times its replicas. A kind whose
 * operator makes the pods is read by its own fields. Jobs that end are left out.
 *
 * `nodes`: how many there are, for DaemonSets.
 */
export function asksOf(object: KubernetesObject, nodes: number): Asks {
  const spec = object["spec"];
  switch (`${object.kind}.${groupOf(object.apiVersion)}`) {
    case "Deployment.apps":
    case "ReplicaSet.apps":
      return times(podAsks(podTemplate(object)?.spec), count(at(spec, "replicas"), 1));
    case "StatefulSet.apps":
      return add(
        times(podAsks(podTemplate(object)?.spec), count(at(spec, "replicas"), 1)),
        times(claims(at(spec, "volumeClaimTemplates")), count(at(spec, "replicas"), 1)),
      );
    case "DaemonSet.apps":
      return times(podAsks(podTemplate(object)?.spec), nodes);
    case "Pod.":
      return podAsks(spec as Fields | undefined);
    case "PersistentVolumeClaim.":
      return claims([object]);
    case "Cluster.postgresql.cnpg.io":
      return times(
        { ...requestsOf(at(spec, "resources")), storage: bytes(spec, "storage", "size"), pods: 1 },
        count(at(spec, "instances"), 1),
      );
    case "Prometheus.monitoring.coreos.com":
    case "Alertmanager.monitoring.coreos.com":
      return times(
        {
          ...requestsOf(at(spec, "resources")),
          storage: bytes(spec, "storage", "volumeClaimTemplate", "spec", "resources", "requests", "storage"),
          pods: 1,
        },
        count(at(spec, "replicas"), 1),
      );
    case "InferenceService.serving.kserve.io":
      return inferenceAsks(spec);
    default:
      return NOTHING;
  }
}

/** The autoscaler that scales a workload. */
function scalerOf(objects: readonly KubernetesObject[], of: KubernetesObject): KubernetesObject | undefined {
  return objects.find(
    (one) =>
      one.kind === "HorizontalPodAutoscaler" &&
      one.metadata.namespace === of.metadata.namespace &&
      at(one, "spec", "scaleTargetRef", "kind") === of.kind &&
      at(one, "spec", "scaleTargetRef", "name") === of.metadata.name,
  );
}

/** What it may grow to: the most pods of an autoscaler that scales it. */
export function mostReplicas(objects: readonly KubernetesObject[], of: KubernetesObject): number | undefined {
  const scaler = scalerOf(objects, of);
  if (scaler !== undefined) return count(at(scaler, "spec", "maxReplicas"), 1);
  if (of.kind === "InferenceService")
    return count(at(of, "spec", "predictor", "maxReplicas"), 0) || undefined;
  return undefined;
}

/** An autoscaler's least count where the workload itself names none. */
export function leastReplicas(objects: readonly KubernetesObject[], of: KubernetesObject): KubernetesObject {
  if (at(of, "spec", "replicas") !== undefined) return of;
  const scaler = scalerOf(objects, of);
  const least = at(scaler, "spec", "minReplicas");
  return typeof least === "number" ? { ...of, spec: { ...(of["spec"] as Fields), replicas: least } } : of;
}

/** As the scheduler counts: the sum of the containers and sidecars, or the largest init container if that is more. */
export function podAsks(spec: Fields | undefined): Asks {
  const list = (field: string) => (at(spec, field) ?? []) as Fields[];
  const init = list("initContainers");
  const isSidecar = (container: Fields) => container["restartPolicy"] === "Always";
  const running = [...list("containers"), ...init.filter(isSidecar)]
    .map((container) => requestsOf(container["resources"]))
    .reduce(add, NOTHING);
  const starting = init.filter((one) => !isSidecar(one)).map((one) => requestsOf(one["resources"]));
  return {
    cpu: Math.max(running.cpu, ...starting.map(({ cpu }) => cpu)) + readQuantity(at(spec, "overhead", "cpu")),
    memory:
      Math.max(running.memory, ...starting.map(({ memory }) => memory)) +
      readQuantity(at(spec, "overhead", "memory")),
    storage: 0,
    pods: 1,
  };
}

/** A limit without a request is the request. */
function requestsOf(resources: unknown): Asks {
  const of = (name: string) => readQuantity(at(resources, "requests", name) ?? at(resources, "limits", name));
  return { cpu: of("cpu"), memory: of("memory"), storage: 0, pods: 0 };
}

function claims(list: unknown): Asks {
  const storage = ((list ?? []) as unknown[])
    .map((claim) => bytes(claim, "spec", "resources", "requests", "storage"))
    .reduce((sum, one) => sum + one, 0);
  return { ...NOTHING, storage };
}

function inferenceAsks(spec: unknown): Asks {
  return ["predictor", "transformer", "explainer"]
    .map((part) => at(spec, part))
    .filter((part) => part !== undefined)
    .map((part) => {
      const own =
        at(part, "containers") === undefined
          ? { ...requestsOf(at(part, "model", "resources")), pods: 1 }
          : podAsks(part as Fields);
      return times(own, count(at(part, "minReplicas"), 1));
    })
    .reduce(add, NOTHING);
}

function bytes(value: unknown, ...path: string[]): number {
  return readQuantity(at(value, ...path));
}

function count(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
