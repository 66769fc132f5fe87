import type { Alert } from "./rule.ts";

const CONTAINER = "namespace, pod, container";
const POD = "{{ $labels.namespace }}/{{ $labels.pod }}";

/** Of every namespace: alerts carry it, and a tenant's go to the tenant. */
export const WORKLOAD_ALERTS: readonly Alert[] = [
  {
    alert: "ContainerRestarts",
    expr: `sum by (${CONTAINER}) (increase(kube_pod_container_status_restarts_total[15m])) > 3`,
    severity: "warning",
    summary: `${POD} restarts again and again`,
    description:
      "Its container {{ $labels.container }} was started anew more than three times in fifteen minutes: `kubectl logs --previous` says how it ended.",
  },
  {
    alert: "ContainerOutOfMemory",
    expr: `sum by (${CONTAINER}) (increase(kube_pod_container_status_restarts_total[15m])) > 0 and on (${CONTAINER}) max by (${CONTAINER}) (kube_pod_container_status_last_terminated_reason{reason="OOMKilled"}) == 1`,
    severity: "warning",
    summary: `${POD} was killed for its memory`,
    description: "Its container {{ $labels.container }} reached its limit: it leaks, or needs a higher one.",
  },
  {
    alert: "ContainerWaits",
    expr: `max by (${CONTAINER}, reason) (kube_pod_container_status_waiting_reason{reason=~"CrashLoopBackOff|CreateContainerConfigError|ErrImagePull|ImagePullBackOff|InvalidImageName"}) == 1`,
    for: "10m",
    severity: "critical",
    summary: `${POD} doesn't start: {{ $labels.reason }}`,
    description: "`kubectl describe pod` says which image, Secret or ConfigMap is missing.",
  },
  notReady("Deployment", "kube_deployment_spec_replicas", "kube_deployment_status_replicas_ready"),
  notReady("StatefulSet", "kube_statefulset_replicas", "kube_statefulset_status_replicas_ready"),
  notReady(
    "DaemonSet",
    "kube_daemonset_status_desired_number_scheduled",
    "kube_daemonset_status_number_ready",
  ),
  {
    alert: "PodPending",
    expr: 'max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Unknown"}) == 1',
    for: "15m",
    severity: "warning",
    summary: `${POD} isn't running since fifteen minutes`,
    description: "No node has room for it, or its volume isn't there: `kubectl describe pod` says which.",
  },
  {
    alert: "JobFailed",
    expr: "max by (namespace, job_name) (kube_job_status_failed) > 0",
    severity: "warning",
    summary: "Job {{ $labels.namespace }}/{{ $labels.job_name }} failed",
    description: "It stays so until the Job is deleted.",
  },
  {
    alert: "ContainerCpuHigh",
    expr: `sum by (${CONTAINER}) (rate(container_cpu_usage_seconds_total{container!=""}[5m])) / max by (${CONTAINER}) (kube_pod_container_resource_limits{resource="cpu"}) > 0.9`,
    for: "15m",
    severity: "warning",
    summary: `${POD} uses nearly all the CPU that it may`,
    description: "Its container {{ $labels.container }} is slowed down at its limit.",
  },
  {
    alert: "ContainerThrottled",
    expr: `sum by (${CONTAINER}) (rate(container_cpu_cfs_throttled_periods_total{container!=""}[5m])) / sum by (${CONTAINER}) (rate(container_cpu_cfs_periods_total{container!=""}[5m])) > 0.5`,
    for: "15m",
    severity: "info",
    summary: `${POD} is held back half of the time`,
    description: "Its container {{ $labels.container }} has a limit of CPU under what it does in bursts.",
  },
  {
    alert: "ContainerMemoryHigh",
    expr: `sum by (${CONTAINER}) (container_memory_working_set_bytes{container!=""}) / max by (${CONTAINER}) (kube_pod_container_resource_limits{resource="memory"}) > 0.9`,
    for: "10m",
    severity: "warning",
    summary: `${POD} uses nearly all the memory that it may`,
    description: "Its container {{ $labels.container }} is killed at its limit.",
  },
  {
    alert: "QuotaNearlyUsed",
    expr: 'sum by (namespace, resource) (kube_resourcequota{type="used"}) / sum by (namespace, resource) (kube_resourcequota{type="hard"} > 0) > 0.9',
    for: "15m",
    severity: "info",
    summary: "{{ $labels.namespace }} has asked for nearly all {{ $labels.resource }} of its quota",
    description: "Pods beyond the quota are refused.",
  },
  {
    alert: "AutoscalerAtMost",
    expr: "max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas) >= on (namespace, horizontalpodautoscaler) max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas)",
    for: "30m",
    severity: "info",
    summary: "{{ $labels.namespace }}/{{ $labels.horizontalpodautoscaler }} can't scale any further",
    description: "It has had all the pods that it may have for half an hour.",
  },
];

function notReady(kind: string, wanted: string, ready: string): Alert {
  const label = kind.toLowerCase();
  const by = `namespace, ${label}`;
  return {
    alert: `${kind}NotReady`,
    expr: `max by (${by}) (${ready}) < on (${by}) max by (${by}) (${wanted})`,
    for: "10m",
    severity: "critical",
    summary: `{{ $labels.namespace }}/{{ $labels.${label} }} has only {{ $value }} of its pods ready`,
    description: `Its pods don't become ready: \`kubectl describe ${label}\` and its pods' events say why.`,
  };
}
