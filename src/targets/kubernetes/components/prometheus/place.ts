import type { PodSelector } from "../../component.ts";

/** Prometheus, Alertmanager, Grafana and kube-state-metrics: nothing in it needs anything of a node. */
export const MONITORING = "monitoring";
/** The exporter of nodes reads what is theirs, which the restricted standard forbids: it is alone in here. */
export const NODES = "monitoring-nodes";
/** Name of the Prometheus and of the Alertmanager. */
export const NAME = "platform";

export const API = "monitoring.coreos.com/v1";
/** The operator serves this kind in no later version. */
export const CONFIG_API = "monitoring.coreos.com/v1alpha1";

export const PORTS = {
  prometheus: 9090,
  alertmanager: 9093,
  grafana: 3000,
  state: 8080,
  nodes: 9100,
} as const;

/** Labels that the operator gives the pods of its objects. */
export function operatedPods(what: "prometheus" | "alertmanager"): PodSelector {
  return { namespace: MONITORING, labels: { "app.kubernetes.io/name": what, [what]: NAME } };
}

export function ownPods(name: "grafana" | "kube-state-metrics", namespace = MONITORING): PodSelector {
  return { namespace, labels: { "app.kubernetes.io/name": name } };
}

/** By which monitors, rules and receivers are picked up, in whatever namespace they lie. */
export function pickedUpBy(platform: string): Record<string, string> {
  return { "slipway.dev/monitoring": platform };
}
