import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";

/** Kinds in the order in which a cluster must have them: what others name comes first. */
const KINDS: readonly string[] = [
  "Namespace",
  "CustomResourceDefinition.apiextensions.k8s.io",
  "PriorityClass.scheduling.k8s.io",
  "StorageClass.storage.k8s.io",
  "ServiceAccount",
  "ClusterRole.rbac.authorization.k8s.io",
  "ClusterRoleBinding.rbac.authorization.k8s.io",
  "Role.rbac.authorization.k8s.io",
  "RoleBinding.rbac.authorization.k8s.io",
  "ResourceQuota",
  "LimitRange",
  "NetworkPolicy.networking.k8s.io",
  "ConfigMap",
  "Secret",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "Service",
  "Deployment.apps",
  "StatefulSet.apps",
  "DaemonSet.apps",
  "Job.batch",
  "CronJob.batch",
  "PodDisruptionBudget.policy",
  "HorizontalPodAutoscaler.autoscaling",
  // Their webhooks' and servers' workloads must be there, or nothing of theirs can be written any more.
  "APIService.apiregistration.k8s.io",
  "MutatingWebhookConfiguration.admissionregistration.k8s.io",
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
  "ValidatingAdmissionPolicy.admissionregistration.k8s.io",
  "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
];

const RANKS = new Map(KINDS.map((kind, rank) => [kind, rank]));

/** Place of a kind in the order; custom resources, and whatever isn't known, come last. */
export function rankOf({ apiVersion, kind }: KubernetesObject): number {
  const group = groupOf(apiVersion);
  return RANKS.get(group === "" ? kind : `${kind}.${group}`) ?? KINDS.length;
}

/** Order in which objects are written: by kind, then by namespace and name, the same on every machine. */
export function compareObjects(a: KubernetesObject, b: KubernetesObject): number {
  return rankOf(a) - rankOf(b) || compareText(sortKey(a), sortKey(b));
}

function sortKey({ apiVersion, kind, metadata }: KubernetesObject): string {
  return [groupOf(apiVersion), kind, metadata.namespace ?? "", metadata.name].join("\u0000");
}

/** By code units: a locale's order would differ between machines. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
