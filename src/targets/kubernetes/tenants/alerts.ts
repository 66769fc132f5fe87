import type { InferenceService, Tenant } from "../../../spec/platform/platform.ts";
import { receiverOf as receiver } from "../components/parts/receiver.ts";
import type { Facts, TrafficFacts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { kubernetesService } from "./service.ts";

const API = "monitoring.coreos.com";

/** Rules on what the tenant's callers see, as the gateway counts it: the same for whatever server answers. */
export function alertsOf(tenant: Tenant, { monitoring, gateway }: Partial<Facts>): KubernetesObject[] {
  if (monitoring === undefined || gateway === undefined || tenant.services.length === 0) return [];
  return [
    {
      apiVersion: `${API}/v1`,
      kind: "PrometheusRule",
      metadata: { name: "services", namespace: tenant.name, labels: { ...monitoring.ruleLabels } },
      spec: {
        groups: [
          {
            name: `tenant-${tenant.name}`,
            rules: tenant.services.flatMap((service) => rulesOf(tenant, service, gateway.traffic)),
          },
        ],
      },
    },
  ];
}

function rulesOf(tenant: Tenant, service: InferenceService, traffic: TrafficFacts): object[] {
  const { latencyP95, errorRate } = tenant.alerts;
  const of = matcher(traffic.of, tenant.name, service);
  const rate = (metric: string, matchers: string) => `sum(rate(${metric}{${matchers}}[5m]))`;
  const buckets = `sum by (le) (rate(${traffic.durations}_bucket{${of}}[5m]))`;
  const failed = rate(traffic.requests, `${of},${traffic.failed}`);
  const labels = {
    severity: "warning",
    // An AlertmanagerConfig takes the alerts of its own namespace: those of the gateway's metrics would have another.
    namespace: tenant.name,
    tenant: tenant.name,
    service: service.name,
  };
  return [
    {
      alert: "ServiceSlow",
      expr: `histogram_quantile(0.95, ${buckets}) > ${latencyP95 / 1000 / traffic.unit}`,
      for: "2m",
      labels,
      annotations: {
        summary: `${tenant.name}/${service.name} is slow`,
        description: `The 95th percentile of its requests was above ${latencyP95} ms for two minutes.`,
      },
    },
    {
      alert: "ServiceFailing",
      expr: `${failed} / ${rate(traffic.requests, of)} > ${errorRate}`,
      for: "2m",
      labels: { ...labels, severity: "critical" },
      annotations: {
        summary: `${tenant.name}/${service.name} fails`,
        description: `More than ${errorRate * 100} per cent of its requests were answered with an error for two minutes.`,
      },
    },
  ];
}

/** Chooses a service in the metrics of the gateway. */
export function matcher(pattern: string, namespace: string, service: InferenceService): string {
  const { name, port } = kubernetesService(service);
  const values: Record<string, string> = {
    namespace,
    route: service.name,
    service: name,
    port: String(port),
  };
  return pattern.replaceAll(/\{(\w+)\}/g, (_, word: string) => values[word] ?? "");
}

/** Where the tenant's alerts go. Its own namespace's alone: the operator adds that condition to every route. */
export function receiverOf({ name, alerts }: Tenant, { monitoring }: Partial<Facts>): KubernetesObject[] {
  if (monitoring === undefined || alerts.receiver === undefined) return [];
  return [
    {
      apiVersion: `${API}/v1alpha1`,
      kind: "AlertmanagerConfig",
      metadata: { name: "alerts", namespace: name, labels: { ...monitoring.receiverLabels } },
      spec: {
        route: {
          receiver: "tenant",
          groupBy: ["alertname", "service"],
          groupWait: "30s",
          groupInterval: "5m",
          repeatInterval: "4h",
        },
        receivers: [receiver("tenant", alerts.receiver)],
      },
    },
  ];
}
