import type { KubernetesObject } from "../../../object.ts";
import { API, MONITORING, pickedUpBy } from "../place.ts";

/** One alert. Its labels are the expression's, and the severity. */
export interface Alert {
  alert: string;
  expr: string;
  /** How long it must hold; absent: at once. */
  for?: string;
  severity: "info" | "warning" | "critical";
  /** What is wrong, in a line; `{{ $labels.x }}` is filled in. */
  summary: string;
  /** What it means and where to look. */
  description: string;
}

export function ruleObject(platform: string, group: string, alerts: readonly Alert[]): KubernetesObject {
  return {
    apiVersion: API,
    kind: "PrometheusRule",
    metadata: { name: group, namespace: MONITORING, labels: pickedUpBy(platform) },
    spec: { groups: [{ name: group, rules: alerts.map(rule) }] },
  };
}

function rule({ alert, expr, for: lasting, severity, summary, description }: Alert): object {
  return {
    alert,
    expr,
    ...(lasting === undefined ? {} : { for: lasting }),
    labels: { severity },
    annotations: { summary, description },
  };
}
