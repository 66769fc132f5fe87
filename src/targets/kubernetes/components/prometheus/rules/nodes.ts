import type { Alert } from "./rule.ts";

const VOLUME = "namespace, persistentvolumeclaim";
const DISK = "node, device, mountpoint";

/** Nodes, and every disk that can be full. */
export const NODE_ALERTS: readonly Alert[] = [
  {
    alert: "NodeNotReady",
    expr: 'max by (node) (kube_node_status_condition{condition="Ready",status="true"}) == 0',
    for: "5m",
    severity: "critical",
    summary: "Node {{ $labels.node }} isn't ready",
    description: "Its pods are started elsewhere, where there is room.",
  },
  {
    alert: "NodeCpuHigh",
    expr: '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m])) > 0.9',
    for: "15m",
    severity: "warning",
    summary: "The processors of {{ $labels.node }} are busy",
    description: "More than 90 per cent for fifteen minutes.",
  },
  {
    alert: "NodeMemoryHigh",
    expr: "1 - max by (node) (node_memory_MemAvailable_bytes) / max by (node) (node_memory_MemTotal_bytes) > 0.9",
    for: "15m",
    severity: "warning",
    summary: "The memory of {{ $labels.node }} is nearly used up",
    description: "Soon pods are evicted from it.",
  },
  {
    alert: "NodeDiskNearlyFull",
    expr: `max by (${DISK}) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"}) / max by (${DISK}) (node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"}) < 0.1`,
    for: "10m",
    severity: "warning",
    summary: "{{ $labels.mountpoint }} of {{ $labels.node }} is nearly full",
    description: "Less than 10 per cent is free; soon its pods are evicted.",
  },
  {
    alert: "VolumeNearlyFull",
    expr: `max by (${VOLUME}) (kubelet_volume_stats_available_bytes) / max by (${VOLUME}) (kubelet_volume_stats_capacity_bytes) < 0.1`,
    for: "5m",
    severity: "critical",
    summary: "{{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} is nearly full",
    description:
      "Less than 10 per cent is free. A claim can be made larger where its storage class allows it.",
  },
  {
    alert: "VolumeFullInADay",
    expr: `max by (${VOLUME}) (predict_linear(kubelet_volume_stats_available_bytes[6h], 86400)) < 0 and on (${VOLUME}) max by (${VOLUME}) (kubelet_volume_stats_available_bytes) / max by (${VOLUME}) (kubelet_volume_stats_capacity_bytes) < 0.4`,
    for: "1h",
    severity: "warning",
    summary: "{{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} is full within a day",
    description: "As it grew in the last six hours.",
  },
];
