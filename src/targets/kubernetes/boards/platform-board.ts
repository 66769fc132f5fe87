import { boardFile } from "./board.ts";
import type { BoardFile, Panel } from "./board.ts";

const EVERY = "[$__rate_interval]";

/** What a board of the platform can read. */
export interface PlatformParts {
  slipway: boolean;
  certificates: boolean;
}

/** Nodes, namespaces, disks, certificates and our own processes. */
export function platformBoard(parts: PlatformParts): BoardFile {
  return boardFile({
    name: "platform",
    folder: "Platform",
    title: "Platform",
    panels: [
      ...clusterPanels(),
      ...(parts.certificates ? [certificates()] : []),
      ...(parts.slipway ? ownPanels() : []),
    ],
  });
}

function clusterPanels(): Panel[] {
  return [
    {
      title: "CPU of nodes",
      description: "Share of each node's processors that is busy.",
      unit: "percentunit",
      max: 1,
      queries: [
        {
          expr: `1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}${EVERY}))`,
          legend: "{{node}}",
        },
      ],
    },
    {
      title: "Memory of nodes",
      description: "Share of each node's memory that can't be taken back.",
      unit: "percentunit",
      max: 1,
      queries: [
        {
          expr: "1 - max by (node) (node_memory_MemAvailable_bytes) / max by (node) (node_memory_MemTotal_bytes)",
          legend: "{{node}}",
        },
      ],
    },
    {
      title: "CPU by namespace",
      description: "Cores in use.",
      unit: "short",
      queries: [
        {
          expr: `sum by (namespace) (rate(container_cpu_usage_seconds_total{container!=""}${EVERY}))`,
          legend: "{{namespace}}",
        },
      ],
    },
    {
      title: "Memory by namespace",
      description: "In use, without what can be taken back.",
      unit: "bytes",
      queries: [
        {
          expr: 'sum by (namespace) (container_memory_working_set_bytes{container!=""})',
          legend: "{{namespace}}",
        },
      ],
    },
    {
      title: "Volumes",
      description: "Share that is full.",
      unit: "percentunit",
      max: 1,
      queries: [
        {
          expr: "1 - max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes) / max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes)",
          legend: "{{namespace}}/{{persistentvolumeclaim}}",
        },
      ],
    },
    {
      title: "Pods that aren't running",
      description: "By namespace and phase.",
      unit: "short",
      queries: [
        {
          expr: 'sum by (namespace, phase) (kube_pod_status_phase{phase=~"Pending|Unknown|Failed"}) > 0',
          legend: "{{namespace}} {{phase}}",
        },
      ],
    },
    {
      title: "Alerts",
      description: "That fire, by severity.",
      unit: "short",
      queries: [
        {
          expr: 'sum by (severity) (ALERTS{alertstate="firing",alertname!="Watchdog"})',
          legend: "{{severity}}",
        },
      ],
    },
    {
      title: "Scraped by nobody",
      description: "Targets that don't answer, by what scrapes them.",
      unit: "short",
      queries: [{ expr: "count by (job) (up == 0)", legend: "{{job}}" }],
    },
  ];
}

function certificates(): Panel {
  return {
    title: "Certificates",
    description: "Time until each one ends; they are renewed before.",
    unit: "s",
    queries: [
      {
        expr: "min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds) - time()",
        legend: "{{namespace}}/{{name}}",
      },
    ],
  };
}

function ownPanels(): Panel[] {
  return [
    {
      title: "Slipway: requests for predictions",
      description: "A second, by HTTP status.",
      unit: "reqps",
      queries: [
        {
          expr: `sum by (status) (rate(slipway_prediction_requests_total${EVERY}))`,
          legend: "{{status}}",
        },
      ],
    },
    {
      title: "Slipway: writes",
      description: "95 of 100 writes of tracking are durable within, and how many wait.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (le) (rate(slipway_store_write_duration_seconds_bucket${EVERY})))`,
          legend: "p95",
        },
      ],
    },
    {
      title: "Slipway: memory",
      description: "Of its own processes.",
      unit: "bytes",
      queries: [
        {
          expr: "max by (process, pod) (slipway_process_resident_memory_bytes)",
          legend: "{{process}} {{pod}}",
        },
      ],
    },
    {
      title: "Slipway: pipelines",
      description: "Pipeline runs under way, by project and state.",
      unit: "short",
      queries: [
        {
          expr: 'max by (project, state) (slipway_pipeline_runs{state!~"succeeded|failed|cancelled"})',
          legend: "{{project}} {{state}}",
        },
      ],
    },
  ];
}
