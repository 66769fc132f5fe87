import type { LockEntry } from "../../lock.ts";
import type { KubernetesObject } from "../../object.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import { API, MONITORING, NODES, PORTS } from "./place.ts";

const NAME = "node-exporter";
const LABELS = { "app.kubernetes.io/name": NAME };

/** Source: collector/ of node_exporter: cpu, filesystem, meminfo, loadavg. */
export const NODES_WATCHED: Watched = {
  name: NAME,
  pods: { namespace: NODES, labels: LABELS },
  port: "metrics",
  number: PORTS.nodes,
  metrics: [
    ...families("counter", ["node_cpu_seconds_total{cpu,mode}"]),
    ...families("gauge", [
      "node_filesystem_avail_bytes{device,fstype,mountpoint,device_error}",
      "node_filesystem_size_bytes{device,fstype,mountpoint,device_error}",
      "node_memory_MemAvailable_bytes",
      "node_memory_MemTotal_bytes",
      "node_load1",
    ]),
  ],
};

/** One pod on every node that tells of its processors, memory and disks; it has no rights in the cluster. */
export function nodeExporter(image: LockEntry): KubernetesObject[] {
  const labels = { ...LABELS };
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: NAME, namespace: NODES },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: NAME, namespace: NODES, labels },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: NAME,
            automountServiceAccountToken: false,
            priorityClassName: "system-node-critical",
            // Disks and mounts are those of the node's own processes; its network is not needed.
            hostPID: true,
            nodeSelector: { "kubernetes.io/os": "linux" },
            tolerations: [{ operator: "Exists" }],
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 65_534,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [container(image)],
            volumes: [{ name: "root", hostPath: { path: "/" } }],
          },
        },
      },
    },
  ];
}

function container(image: LockEntry): Record<string, unknown> {
  return {
    name: NAME,
    image: `${image.source}:${image.version}`,
    args: [
      `--web.listen-address=:${PORTS.nodes}`,
      "--path.rootfs=/host/root",
      "--collector.disable-defaults",
      ...["cpu", "filesystem", "loadavg", "meminfo"].map((name) => `--collector.${name}`),
      "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/(containerd|docker|kubelet)/.+)($|/)",
    ],
    ports: [{ name: "metrics", containerPort: PORTS.nodes }],
    resources: { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "128Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [
      { name: "root", mountPath: "/host/root", mountPropagation: "HostToContainer", readOnly: true },
    ],
    readinessProbe: { httpGet: { path: "/", port: "metrics" } },
  };
}

/** With the node's name: an address says nothing to people. */
export function nodeMonitor(labels: Record<string, string>): KubernetesObject {
  return {
    apiVersion: API,
    kind: "PodMonitor",
    metadata: { name: NAME, namespace: MONITORING, labels },
    spec: {
      namespaceSelector: { matchNames: [NODES] },
      selector: { matchLabels: LABELS },
      podMetricsEndpoints: [
        {
          port: NODES_WATCHED.port,
          relabelings: [{ sourceLabels: ["__meta_kubernetes_pod_node_name"], targetLabel: "node" }],
        },
      ],
    },
  };
}
