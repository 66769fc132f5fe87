import type { Tenant } from "../../../spec/platform/platform.ts";
import type { TrafficFacts } from "../facts.ts";
import { matcher } from "../tenants/alerts.ts";
import { boardFile } from "./board.ts";
import type { BoardFile, Panel, Query } from "./board.ts";

const EVERY = "[$__rate_interval]";

/**
 * The eight panels of a tenant: what its callers see, as the gateway counts it (without a gateway, three fewer), and
 * how its pods do.
 */
export function tenantBoard(tenant: Tenant, traffic: TrafficFacts | undefined): BoardFile {
  return boardFile({
    name: `tenant-${tenant.name}`,
    folder: "Tenants",
    title: `Tenant ${tenant.name}`,
    panels: [
      ...(traffic === undefined || tenant.services.length === 0 ? [] : trafficPanels(tenant, traffic)),
      ...podPanels(tenant.name),
    ],
  });
}

function trafficPanels(tenant: Tenant, traffic: TrafficFacts): Panel[] {
  const { requests, durations, failed, unit } = traffic;
  const perService = (query: (of: string, name: string) => Query[]): Query[] =>
    tenant.services.flatMap((service) => query(matcher(traffic.of, tenant.name, service), service.name));
  const rate = (of: string) => `sum(rate(${requests}{${of}}${EVERY}))`;
  const { latencyP95, errorRate } = tenant.alerts;
  return [
    {
      title: "Requests",
      description: "Requests a second that came to each service, as the gateway counts them.",
      unit: "reqps",
      queries: perService((of, name) => [{ expr: rate(of), legend: name }]),
    },
    {
      title: "Errors",
      description: `Share of requests that were answered with an error. There is an alert above ${errorRate * 100} %.`,
      unit: "percentunit",
      queries: perService((of, name) => [{ expr: `${rate(`${of},${failed}`)} / ${rate(of)}`, legend: name }]),
    },
    {
      title: "Latency",
      description: `Half, and 95 of 100, of the requests are answered within. There is an alert on the latter above ${latencyP95} ms.`,
      unit: unit === 1 ? "s" : "ms",
      queries: perService((of, name) =>
        [50, 95].map((percent) => ({
          expr: `histogram_quantile(${percent / 100}, sum by (le) (rate(${durations}_bucket{${of}}${EVERY})))`,
          legend: `${name} p${percent}`,
        })),
      ),
    },
  ];
}

function podPanels(namespace: string): Panel[] {
  const here = `namespace="${namespace}"`;
  const containers = `${here},container!=""`;
  return [
    {
      title: "Ready pods",
      description: "Pods of each Deployment that can answer, and those that there should be.",
      unit: "short",
      queries: [
        {
          expr: `sum by (deployment) (kube_deployment_status_replicas_ready{${here}})`,
          legend: "{{deployment}}",
        },
        {
          expr: `sum by (deployment) (kube_deployment_spec_replicas{${here}})`,
          legend: "{{deployment}} wanted",
        },
      ],
    },
    {
      title: "Restarts",
      description: "Containers that were started again within the hour before.",
      unit: "short",
      queries: [
        {
          expr: `sum by (pod) (increase(kube_pod_container_status_restarts_total{${here}}[1h])) > 0`,
          legend: "{{pod}}",
        },
      ],
    },
    {
      title: "CPU",
      description: "Cores that each pod uses.",
      unit: "short",
      queries: [
        {
          expr: `sum by (pod) (rate(container_cpu_usage_seconds_total{${containers}}${EVERY}))`,
          legend: "{{pod}}",
        },
      ],
    },
    {
      title: "Memory",
      description: "Memory of each pod that can't be taken from it; at the limit it is killed.",
      unit: "bytes",
      queries: [
        { expr: `sum by (pod) (container_memory_working_set_bytes{${containers}})`, legend: "{{pod}}" },
      ],
    },
    {
      title: "Quota",
      description: "Share of each part of the quota that is asked for.",
      unit: "percentunit",
      max: 1,
      queries: [
        {
          expr: `sum by (resource) (kube_resourcequota{${here},type="used"}) / sum by (resource) (kube_resourcequota{${here},type="hard"} > 0)`,
          legend: "{{resource}}",
        },
      ],
    },
  ];
}
