import type { AccessUse } from "../../component.ts";
import type { LockEntry } from "../../lock.ts";
import type { KubernetesObject } from "../../object.ts";
import { readQuantity } from "../../plan/quantity.ts";
import { accountWith, clusterAccess } from "../parts/access.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import type { PrometheusOptions } from "./options.ts";
import { API, MONITORING, NAME, PORTS, operatedPods, pickedUpBy } from "./place.ts";

const ACCOUNT = { namespace: MONITORING, name: "prometheus" };
/** Of the volume: the rest is for blocks that are written anew, and for the log of what isn't in a block yet. */
const KEPT = 0.85;

export const PROMETHEUS_ACCESS: readonly AccessUse[] = clusterAccess(ACCOUNT, [
  ["get list watch", "", "pods services endpoints", "find what is scraped"],
  ["get", "", "nodes/metrics", "scrape kubelets"],
]);

/** Source: `prometheus.io/docs`, and tsdb, rules and notifier of Prometheus. */
export const PROMETHEUS_WATCHED: Watched = {
  name: "prometheus",
  pods: operatedPods("prometheus"),
  port: "web",
  number: PORTS.prometheus,
  metrics: [
    ...families("gauge", [
      "prometheus_tsdb_head_series",
      "prometheus_config_last_reload_successful",
      "prometheus_tsdb_storage_blocks_bytes",
    ]),
    ...families("counter", [
      "prometheus_rule_evaluation_failures_total{rule_group}",
      "prometheus_notifications_dropped_total",
      "prometheus_tsdb_head_samples_appended_total{type}",
    ]),
  ],
};

/** What scrapes, holds and judges; its alerts go to the Alertmanager beside it. */
export function prometheus(
  platform: string,
  options: PrometheusOptions,
  image: LockEntry,
): KubernetesObject[] {
  const everywhere = { matchLabels: pickedUpBy(platform) };
  const { cpu, memory } = options.resources;
  return [
    ...accountWith(ACCOUNT, "slipway-prometheus", PROMETHEUS_ACCESS),
    {
      apiVersion: API,
      kind: "Prometheus",
      metadata: { name: NAME, namespace: MONITORING },
      spec: {
        version: image.version,
        image: `${image.source}:${image.version}`,
        replicas: options.replicas,
        serviceAccountName: ACCOUNT.name,
        scrapeInterval: "30s",
        evaluationInterval: "30s",
        retention: options.retention,
        retentionSize: `${Math.floor((readQuantity(options.storage) * KEPT) / 2 ** 20)}MiB`,
        storage: volume(options),
        resources: { requests: { cpu, memory }, limits: { memory } },
        securityContext: UNPRIVILEGED,
        serviceMonitorSelector: everywhere,
        serviceMonitorNamespaceSelector: {},
        podMonitorSelector: everywhere,
        podMonitorNamespaceSelector: {},
        ruleSelector: everywhere,
        ruleNamespaceSelector: {},
        alerting: {
          alertmanagers: [{ namespace: MONITORING, name: "alertmanager-operated", port: "web" }],
        },
      },
    },
  ];
}

/** Of the operator's pods; passes the restricted standard. */
export const UNPRIVILEGED = {
  fsGroup: 2000,
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: "RuntimeDefault" },
} as const;

function volume({ storage, storageClass }: PrometheusOptions): Record<string, unknown> {
  return {
    volumeClaimTemplate: {
      spec: {
        accessModes: ["ReadWriteOnce"],
        ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
        resources: { requests: { storage } },
      },
    },
  };
}
