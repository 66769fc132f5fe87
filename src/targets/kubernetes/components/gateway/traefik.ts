import type { AccessUse, ComponentOutput } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";
import type { LockEntry } from "../../lock.ts";
import { accountWith, clusterAccess } from "../parts/access.ts";
import { CONFINED } from "../parts/place.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";

/** How the proxy is run, whichever it is. */
export interface ProxyOptions {
  replicas: number;
  service: "LoadBalancer" | "NodePort" | "ClusterIP";
  nodePorts?: { http: number; https: number };
}

export const TRAEFIK = {
  namespace: "gateway",
  className: "traefik",
  controllerName: "traefik.io/gateway-controller",
  /**
   * Traefik serves a listener only on the port of an entry point of its own: the listeners have the container's ports,
   * and the Service before them the well-known ones.
   */
  ports: { http: 8000, https: 8443 },
  labels: { "app.kubernetes.io/name": "traefik" },
  /** Source: pkg/provider/kubernetes/gateway/httproute.go, loadHTTPBackendRef. */
  traffic: {
    requests: "traefik_service_requests_total",
    failed: 'code=~"5.."',
    durations: "traefik_service_request_duration_seconds",
    unit: 1,
    of: 'service="{namespace}-{service}-http-{port}@kubernetesgateway"',
  },
} as const;

const { namespace, labels, ports } = TRAEFIK;
const ACCOUNT = { namespace, name: "traefik" };
const METRICS = 9100;
const PING = 8080;

/** Source: Traefik's docs, kubernetes-gateway-rbac.yml, without the kinds of the experimental channel. */
const ACCESS: readonly AccessUse[] = clusterAccess(ACCOUNT, [
  ["list watch", "", "namespaces", "know which routes a gateway lets in"],
  ["get list watch", "", "services secrets configmaps", "find what is behind a route, and its certificate"],
  ["list watch", "discovery.k8s.io", "endpointslices", "find the pods behind a Service"],
  [
    "get list watch",
    "gateway.networking.k8s.io",
    "gatewayclasses gateways httproutes grpcroutes referencegrants backendtlspolicies",
    "serve routes",
  ],
  [
    "update",
    "gateway.networking.k8s.io",
    "gatewayclasses/status gateways/status httproutes/status grpcroutes/status backendtlspolicies/status",
    "say whether a route is served",
  ],
]);

/** Traefik as our own objects: its chart is in no Go module, and what is needed of it is little. */
export function traefik(
  options: ProxyOptions,
  image: LockEntry,
): Pick<ComponentOutput, "access" | "health"> & {
  objects: KubernetesObject[];
} {
  return {
    objects: [
      ...accountWith(ACCOUNT, "slipway-traefik", ACCESS),
      deployment(options, `${image.source}:${image.version}`),
      service(options),
      ...(options.replicas > 1 ? [disruptionBudget()] : []),
    ],
    access: [...ACCESS],
    health: [{ apiVersion: "apps/v1", kind: "Deployment", ...ACCOUNT, condition: "rolledOut" }],
  };
}

/** Source: Traefik's pkg/observability/metrics/prometheus.go. */
export const TRAEFIK_WATCHED: Watched = {
  name: "traefik",
  pods: { namespace, labels: { ...labels } },
  port: "metrics",
  number: METRICS,
  metrics: [
    ...families("counter", [
      "traefik_entrypoint_requests_total{code,method,protocol,entrypoint}",
      "traefik_service_requests_total{code,method,protocol,service}",
      "traefik_config_reloads_total",
    ]),
    ...families("histogram", [
      "traefik_entrypoint_request_duration_seconds{code,method,protocol,entrypoint}",
      "traefik_service_request_duration_seconds{code,method,protocol,service}",
    ]),
    ...families("gauge", [
      "traefik_open_connections{entrypoint,protocol}",
      "traefik_tls_certs_not_after{cn,serial,sans}",
    ]),
  ],
};

function deployment({ replicas }: ProxyOptions, image: string): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...ACCOUNT, labels: { ...labels } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: { ...labels } },
        spec: {
          serviceAccountName: ACCOUNT.name,
          // Longer than the entry points' own time to finish what is under way.
          terminationGracePeriodSeconds: 60,
          securityContext: { runAsUser: 65_532, runAsGroup: 65_532 },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [container(image)],
        },
      },
    },
  };
}

function container(image: string): Record<string, unknown> {
  const probe = { httpGet: { path: "/ping", port: "ping" } };
  const finish = (name: string) => `--entryPoints.${name}.transport.lifeCycle.graceTimeOut=30s`;
  return {
    name: "traefik",
    image,
    args: [
      `--entryPoints.web.address=:${ports.http}`,
      `--entryPoints.websecure.address=:${ports.https}`,
      `--entryPoints.metrics.address=:${METRICS}`,
      `--entryPoints.ping.address=:${PING}`,
      finish("web"),
      finish("websecure"),
      "--providers.kubernetesgateway=true",
      `--providers.kubernetesgateway.statusaddress.service.namespace=${namespace}`,
      "--providers.kubernetesgateway.statusaddress.service.name=traefik",
      "--ping=true",
      "--ping.entryPoint=ping",
      "--metrics.prometheus=true",
      "--metrics.prometheus.entryPoint=metrics",
      "--metrics.prometheus.addServicesLabels=true",
      "--global.checkNewVersion=false",
      "--global.sendAnonymousUsage=false",
    ],
    ports: [
      { name: "web", containerPort: ports.http },
      { name: "websecure", containerPort: ports.https },
      { name: "metrics", containerPort: METRICS },
      { name: "ping", containerPort: PING },
    ],
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
    securityContext: CONFINED,
    readinessProbe: { ...probe, periodSeconds: 5 },
    livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 3 },
  };
}

function service({ service, nodePorts }: ProxyOptions): KubernetesObject {
  const node = (port: number | undefined) =>
    service === "NodePort" && port !== undefined ? { nodePort: port } : {};
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...ACCOUNT, labels: { ...labels } },
    spec: {
      type: service,
      selector: { ...labels },
      ports: [
        { name: "web", port: 80, targetPort: "web", ...node(nodePorts?.http) },
        { name: "websecure", port: 443, targetPort: "websecure", ...node(nodePorts?.https) },
      ],
    },
  };
}

function disruptionBudget(): KubernetesObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { ...ACCOUNT },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  };
}
