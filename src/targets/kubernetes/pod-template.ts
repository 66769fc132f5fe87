import type { Labels } from "./label-selector.ts";
import { groupOf } from "./object.ts";
import type { KubernetesObject } from "./object.ts";

/** A kind of pod: the template of a workload stands for all the pods that are made from it. */
export interface Pod {
  namespace: string;
  /** Of the workload, or of the pod itself. */
  name: string;
  labels: Labels;
  ports: readonly ContainerPort[];
  /** On the node's own network: policies don't reach it, and it is no pod to the policies of others. */
  hostNetwork: boolean;
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol?: string;
}

/** Where a kind keeps its pod template, by `Kind.group`. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "Deployment.apps": ["spec", "template"],
  "StatefulSet.apps": ["spec", "template"],
  "DaemonSet.apps": ["spec", "template"],
  "ReplicaSet.apps": ["spec", "template"],
  "Job.batch": ["spec", "template"],
  "CronJob.batch": ["spec", "jobTemplate", "spec", "template"],
  "Pod.": [],
};

export interface PodTemplate {
  /** Way from the object's root to the template. */
  path: readonly string[];
  metadata: { labels?: Labels };
  spec: Record<string, unknown>;
}

/** The pod template of a workload of the built-in kinds; undefined of anything else. */
export function podTemplate(object: KubernetesObject): PodTemplate | undefined {
  const path = TEMPLATES[`${object.kind}.${groupOf(object.apiVersion)}`];
  if (path === undefined) return undefined;
  let value: unknown = object;
  for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
  const template = value as Partial<PodTemplate> | undefined;
  if (template?.spec === undefined) return undefined;
  return { path, metadata: template.metadata ?? {}, spec: template.spec };
}

/** The kind of pod that an object makes: one, or none. */
export function podsOf(object: KubernetesObject): Pod[] {
  const template = podTemplate(object);
  if (template === undefined) return [];
  return [
    {
      namespace: object.metadata.namespace ?? "default",
      name: object.metadata.name,
      labels: template.metadata.labels ?? {},
      ports: containersOf(template).flatMap(({ ports }) => ports),
      hostNetwork: template.spec["hostNetwork"] === true,
    },
  ];
}

/** Containers that listen: the ordinary ones, and init containers that stay (`restartPolicy: Always`). */
function containersOf(template: PodTemplate): { ports: readonly ContainerPort[] }[] {
  const list = (field: string) =>
    (template.spec[field] ?? []) as readonly { ports?: readonly ContainerPort[]; restartPolicy?: string }[];
  const sidecars = list("initContainers").filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...list("containers"), ...sidecars].map(({ ports = [] }) => ({ ports }));
}
