import type { MetricSource } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";
import { families } from "../parts/watch.ts";
import { API, MONITORING } from "./place.ts";

/** The Service that the operator keeps in front of all kubelets. Source: pkg/kubelet/controller.go of the operator. */
const LABELS = { "app.kubernetes.io/name": "kubelet", "k8s-app": "kubelet" };
const NAMESPACE = "kube-system";
const PORT = "https-metrics";
const TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount";
const CONTAINER = "namespace,pod,container,image,id,name";

/** Sources: pkg/kubelet/metrics/collectors of Kubernetes; metrics/prometheus.go of cAdvisor. */
export const KUBELETS_EMIT: MetricSource = {
  pods: { namespace: NAMESPACE, labels: LABELS },
  port: PORT,
  metrics: [
    ...families("gauge", [
      "kubelet_volume_stats_available_bytes{namespace,persistentvolumeclaim}",
      "kubelet_volume_stats_capacity_bytes{namespace,persistentvolumeclaim}",
      `container_memory_working_set_bytes{${CONTAINER}}`,
    ]),
    ...families("counter", [
      `container_cpu_usage_seconds_total{${CONTAINER},cpu}`,
      `container_cpu_cfs_periods_total{${CONTAINER}}`,
      `container_cpu_cfs_throttled_periods_total{${CONTAINER}}`,
    ]),
  ],
};

/** What containers use and volumes hold, off every node's kubelet. */
export function kubeletMonitor(labels: Record<string, string>, isVerified: boolean): KubernetesObject {
  const endpoint = {
    port: PORT,
    scheme: "https",
    bearerTokenFile: `${TOKEN}/token`,
    tlsConfig: isVerified ? { caFile: `${TOKEN}/ca.crt` } : { insecureSkipVerify: true },
    // They tell about others' namespaces, pods and containers.
    honorLabels: true,
    relabelings: [{ sourceLabels: ["__meta_kubernetes_endpoint_node_name"], targetLabel: "node" }],
  };
  const kept = KUBELETS_EMIT.metrics.map(({ name }) => name);
  // A kubelet tells of thousands of series; these are what boards and rules read.
  const only = (prefix: string) => [
    {
      sourceLabels: ["__name__"],
      regex: kept.filter((name) => name.startsWith(prefix)).join("|"),
      action: "keep",
    },
  ];
  return {
    apiVersion: API,
    kind: "ServiceMonitor",
    metadata: { name: "kubelets", namespace: MONITORING, labels },
    spec: {
      namespaceSelector: { matchNames: [NAMESPACE] },
      selector: { matchLabels: LABELS },
      endpoints: [
        { ...endpoint, metricRelabelings: only("kubelet_") },
        { ...endpoint, path: "/metrics/cadvisor", metricRelabelings: only("container_") },
      ],
    },
  };
}
