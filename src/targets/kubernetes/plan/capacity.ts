import type { ClusterClient } from "../cluster/client.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { PLATFORM_LABEL } from "../inventory/inventory.ts";
import type { KubernetesObject } from "../object.ts";
import { add, asksOf, leastReplicas, mostReplicas, NOTHING, podAsks } from "./asks.ts";
import type { Asks } from "./asks.ts";
import { readQuantity } from "./quantity.ts";

/** What the platform asks for, and what there is for it. */
export interface Capacity {
  asked: Asks;
  /** With every autoscaler at its most. */
  most: Asks;
  /** By component and tenant, largest memory first. */
  parts: readonly { part: string; asked: Asks }[];
  /** undefined when nobody may say. */
  nodes?: NodeCapacity;
  /** Sentences about what doesn't fit. */
  lacks: readonly string[];
}

export interface NodeCapacity {
  nodes: number;
  /** `amd64`, `arm64`. */
  architectures: readonly string[];
  allocatable: Omit<Asks, "storage">;
  /** Requests of pods that aren't this platform's. */
  takenByOthers: Omit<Asks, "storage">;
}

/** Sums up what objects ask for. */
export function askedFor(
  objects: readonly { object: KubernetesObject; component: string }[],
  nodes: number,
): Pick<Capacity, "asked" | "most" | "parts"> {
  const all = objects.map(({ object }) => object);
  let asked = NOTHING;
  let most = NOTHING;
  const parts = new Map<string, Asks>();
  for (const { object, component } of objects) {
    const least = asksOf(leastReplicas(all, object), nodes);
    const peak = mostReplicas(all, object);
    asked = add(asked, least);
    most = add(most, peak === undefined ? least : asksOf(withReplicas(object, peak), nodes));
    if (least !== NOTHING) parts.set(component, add(parts.get(component) ?? NOTHING, least));
  }
  return {
    asked,
    most,
    parts: [...parts]
      .map(([part, sum]) => ({ part, asked: sum }))
      .sort((a, b) => b.asked.memory - a.asked.memory || a.part.localeCompare(b.part)),
  };
}

function withReplicas(object: KubernetesObject, replicas: number): KubernetesObject {
  const spec = object["spec"] as Record<string, unknown>;
  if (object.kind !== "InferenceService") return { ...object, spec: { ...spec, replicas } };
  const predictor = { ...(spec["predictor"] as Record<string, unknown>), minReplicas: replicas };
  return { ...object, spec: { ...spec, predictor } };
}

/** What the nodes have and others have taken; undefined when the right to look is missing. */
export async function readNodes(client: ClusterClient, platform: string): Promise<NodeCapacity | undefined> {
  try {
    const nodes = await client.listKind("v1", "Node");
    const pods = await client.listKind("v1", "Pod");
    const namespaces = await client.listKind("v1", "Namespace");
    const ours = new Set(
      namespaces
        .filter(({ metadata }) => metadata.labels?.[PLATFORM_LABEL] === platform)
        .map(({ metadata }) => metadata.name),
    );
    const others = pods.filter((pod) => takesRoom(pod) && !ours.has(pod.metadata.namespace ?? ""));
    const usable = nodes.filter((node) => !isCordoned(node));
    return {
      nodes: usable.length,
      architectures: [...new Set(nodes.map(architectureOf))].sort(),
      allocatable: usable.map(allocatable).reduce(add, NOTHING),
      takenByOthers: others
        .map((pod) => podAsks(pod["spec"] as Record<string, unknown>))
        .reduce(add, NOTHING),
    };
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "CLUSTER_FORBIDDEN") return undefined;
    throw error;
  }
}

function takesRoom(pod: KubernetesObject): boolean {
  const phase = (pod["status"] as { phase?: string } | undefined)?.phase;
  return phase !== "Succeeded" && phase !== "Failed";
}

function isCordoned(node: KubernetesObject): boolean {
  return (node["spec"] as { unschedulable?: boolean } | undefined)?.unschedulable === true;
}

function architectureOf(node: KubernetesObject): string {
  return (
    (node["status"] as { nodeInfo?: { architecture?: string } } | undefined)?.nodeInfo?.architecture ??
    "unknown"
  );
}

function allocatable(node: KubernetesObject): Asks {
  const given = (node["status"] as { allocatable?: Record<string, unknown> } | undefined)?.allocatable ?? {};
  return {
    cpu: readQuantity(given["cpu"]),
    memory: readQuantity(given["memory"]),
    storage: 0,
    pods: readQuantity(given["pods"]),
  };
}

/** Whether the whole fits: a fit on each node is the scheduler's to find. */
export function lacksOf(asked: Asks, nodes: NodeCapacity | undefined): string[] {
  if (nodes === undefined) return [];
  if (nodes.nodes === 0) return ["the cluster has no node on which a pod may run"];
  const lacks: string[] = [];
  const free = (name: "cpu" | "memory" | "pods") => nodes.allocatable[name] - nodes.takenByOthers[name];
  if (asked.cpu > free("cpu"))
    lacks.push(`${round(asked.cpu)} cores are asked for, ${round(free("cpu"))} are free`);
  if (asked.memory > free("memory"))
    lacks.push(`${gib(asked.memory)} GiB of memory are asked for, ${gib(free("memory"))} are free`);
  if (asked.pods > free("pods")) lacks.push(`${asked.pods} pods are asked for, ${free("pods")} have room`);
  return lacks;
}

const round = (value: number) => Math.round(value * 100) / 100;
const gib = (bytes: number) => round(bytes / 2 ** 30);
