import type { ChartUse, ComponentOutput } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import type { ProxyOptions } from "./traefik.ts";

const NAMESPACE = "envoy-gateway-system";

/** Envoy Gateway: its proxies run beside it, and have other ports than the listeners that they serve. */
export const ENVOY_GATEWAY = {
  namespace: NAMESPACE,
  className: "envoy",
  controllerName: "gateway.envoyproxy.io/gatewayclass-controller",
  ports: { http: 80, https: 443 },
  labels: {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
  },
  /** Source: names of xDS clusters in Envoy Gateway's internal/gatewayapi/route.go; durations are milliseconds. */
  traffic: {
    requests: "envoy_cluster_upstream_rq_xx",
    failed: 'envoy_response_code_class="5"',
    durations: "envoy_cluster_upstream_rq_time",
    unit: 0.001,
    of: 'envoy_cluster_name=~"httproute/{namespace}/{route}/rule/.*"',
  },
} as const;

/** Read from its chart, which brings the definitions of the Gateway API too. */
export function envoyGateway(options: ProxyOptions): Pick<ComponentOutput, "health"> & {
  charts: Omit<ChartUse, "from">[];
  objects: KubernetesObject[];
} {
  return {
    charts: [
      {
        row: "envoy-gateway",
        release: "eg",
        namespace: NAMESPACE,
        values: {
          deployment: {
            envoyGateway: {
              resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
            },
          },
        },
      },
    ],
    objects: [proxy(options)],
    health: [
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        namespace: NAMESPACE,
        name: "envoy-gateway",
        condition: "rolledOut",
      },
    ],
  };
}

/** What the class of gateways names as its parameters. */
export const ENVOY_PARAMETERS = {
  group: "gateway.envoyproxy.io",
  kind: "EnvoyProxy",
  name: "platform",
  namespace: NAMESPACE,
} as const;

/** Source: Envoy's docs, "Statistics", as its Prometheus endpoint writes them. */
export const ENVOY_WATCHED: Watched = {
  name: "envoy",
  pods: { namespace: NAMESPACE, labels: { ...ENVOY_GATEWAY.labels } },
  port: "metrics",
  number: 19_001,
  metrics: [
    ...families("counter", [
      "envoy_cluster_upstream_rq_xx{envoy_cluster_name,envoy_response_code_class}",
      "envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix,envoy_response_code_class}",
    ]),
    ...families("histogram", ["envoy_cluster_upstream_rq_time{envoy_cluster_name}"]),
  ],
};

function proxy({ replicas, service, nodePorts }: ProxyOptions): KubernetesObject {
  const fixed =
    service !== "NodePort" || nodePorts === undefined
      ? {}
      : {
          patch: {
            type: "StrategicMerge",
            value: {
              spec: {
                ports: [
                  { port: 80, protocol: "TCP", nodePort: nodePorts.http },
                  { port: 443, protocol: "TCP", nodePort: nodePorts.https },
                ],
              },
            },
          },
        };
  return {
    apiVersion: "gateway.envoyproxy.io/v1alpha1",
    kind: "EnvoyProxy",
    metadata: { name: ENVOY_PARAMETERS.name, namespace: NAMESPACE },
    spec: {
      provider: {
        type: "Kubernetes",
        kubernetes: {
          envoyDeployment: {
            replicas,
            container: {
              resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
            },
          },
          envoyService: { type: service, ...fixed },
          ...(replicas > 1 ? { envoyPDB: { maxUnavailable: 1 } } : {}),
        },
      },
      telemetry: { metrics: { prometheus: {} } },
    },
  };
}
