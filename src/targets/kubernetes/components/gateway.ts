import { z } from "zod";
import type { Platform } from "../../../spec/platform/platform.ts";
import { defineComponent } from "../component.ts";
import type { ComponentContext, ComponentOutput } from "../component.ts";
import type { CertificateFacts, Facts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { ENVOY_GATEWAY, ENVOY_PARAMETERS, ENVOY_WATCHED, envoyGateway } from "./gateway/envoy-gateway.ts";
import { TRAEFIK, TRAEFIK_WATCHED, traefik } from "./gateway/traefik.ts";
import { namespace, placed } from "./parts/place.ts";
import { watch } from "./parts/watch.ts";

const FROM = ["components", "gateway"] as const;
const API = "gateway.networking.k8s.io";
const NAME = "platform";
const CERTIFICATE = "platform-tls";

const nodePort = () => z.int().min(30_000).max(32_767);

const options = z.strictObject({
  implementation: z.enum(["traefik", "envoyGateway"]).default("traefik").describe("Which proxy serves it."),
  replicas: z.int().min(1).max(20).default(2).describe("Of the proxy."),
  service: z
    .enum(["LoadBalancer", "NodePort", "ClusterIP"])
    .default("LoadBalancer")
    .describe("How the proxy is reached from outside."),
  nodePorts: z
    .strictObject({ http: nodePort().default(30_080), https: nodePort().default(30_443) })
    .exactOptional()
    .describe("With service: NodePort."),
});

type Options = z.output<typeof options>;

/**
 * The Gateway API, and who serves it: one Gateway for the platform's domain, with a certificate where there is
 * cert-manager, that takes routes of this platform's own namespaces alone.
 */
export const gateway = defineComponent({
  name: "gateway",
  summary: "Gateway API with Traefik or Envoy Gateway: how everything is reached from outside.",
  options,
  locked: ["gateway-api", "traefik", "envoy-gateway"],
  publish: ({ options, platform }) => {
    const { namespace, className, labels, traffic } = implementation(options);
    const listener = isSecure(platform) ? "https" : "http";
    const pods = { namespace, labels: { ...labels } };
    const door =
      options.implementation === "traefik"
        ? { url: `${listener}://traefik.${namespace}.svc`, port: TRAEFIK.ports[listener] }
        : undefined;
    return {
      gateway: { name: NAME, namespace, className, listener, ...(door && { door }), pods, traffic },
    };
  },
  render: (context) => {
    const { platform, options, facts } = context;
    const { namespace: home } = implementation(options);
    const engine = proxy(context);
    const { emits, paths, objects } = watch(
      [options.implementation === "traefik" ? TRAEFIK_WATCHED : ENVOY_WATCHED],
      facts.monitoring,
    );
    return {
      ...engine,
      objects: placed(FROM, [
        namespace(home, options.implementation === "traefik" ? "restricted" : "baseline"),
        ...objects,
        gatewayClass(options),
        gatewayOf(platform, options, facts.certificates),
        ...(facts.certificates === undefined
          ? []
          : [certificate(platform, home, facts.certificates), redirect(home)]),
        ...boardsRoute(home, facts),
      ]).concat(engine.objects),
      emits,
      paths,
      health: [
        ...(engine.health ?? []),
        {
          apiVersion: `${API}/v1`,
          kind: "GatewayClass",
          name: implementation(options).className,
          condition: "Accepted",
        },
        { apiVersion: `${API}/v1`, kind: "Gateway", namespace: home, name: NAME, condition: "Programmed" },
      ],
    };
  },
});

function implementation({ implementation }: Options) {
  return implementation === "traefik" ? TRAEFIK : ENVOY_GATEWAY;
}

function proxy({ options, locked }: ComponentContext<Options>): ComponentOutput {
  const from = [...FROM, "implementation"];
  if (options.implementation === "envoyGateway") {
    const { charts, objects, health = [] } = envoyGateway(options);
    return { objects: placed(from, objects), charts: charts.map((chart) => ({ ...chart, from })), health };
  }
  const { objects, access = [], health = [] } = traefik(options, locked("traefik"));
  const definitions = {
    row: "gateway-api",
    release: "gateway-api",
    namespace: TRAEFIK.namespace,
    values: {},
    from,
  };
  return { objects: placed(from, objects), charts: [definitions], access, health };
}

/** What another component is there for is known before it says so. */
function isSecure({ components }: Platform): boolean {
  return Object.hasOwn(components, "certManager");
}

function gatewayClass(options: Options): KubernetesObject {
  const { className, controllerName } = implementation(options);
  const parameters =
    options.implementation === "envoyGateway" ? { parametersRef: { ...ENVOY_PARAMETERS } } : {};
  return {
    apiVersion: `${API}/v1`,
    kind: "GatewayClass",
    metadata: { name: className },
    spec: { controllerName, ...parameters },
  };
}

function gatewayOf(
  { name, domain }: Platform,
  options: Options,
  certificates: CertificateFacts | undefined,
): KubernetesObject {
  const { namespace, className, ports } = implementation(options);
  const hostname = `*.${domain}`;
  // Every namespace that the platform makes bears this label, and nobody else's does.
  const ours = { from: "Selector", selector: { matchLabels: { "slipway.dev/platform": name } } };
  const secure = certificates !== undefined;
  const http = {
    name: "http",
    protocol: "HTTP",
    port: ports.http,
    hostname,
    allowedRoutes: { namespaces: secure ? { from: "Same" } : ours },
  };
  const https = {
    name: "https",
    protocol: "HTTPS",
    port: ports.https,
    hostname,
    tls: { mode: "Terminate", certificateRefs: [{ group: "", kind: "Secret", name: CERTIFICATE }] },
    allowedRoutes: { namespaces: ours },
  };
  return {
    apiVersion: `${API}/v1`,
    kind: "Gateway",
    metadata: { name: NAME, namespace },
    spec: { gatewayClassName: className, listeners: secure ? [http, https] : [http] },
  };
}

function certificate({ domain }: Platform, home: string, { issuer }: CertificateFacts): KubernetesObject {
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name: CERTIFICATE, namespace: home },
    spec: {
      secretName: CERTIFICATE,
      dnsNames: [`*.${domain}`],
      privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
      issuerRef: { ...issuer, group: "cert-manager.io" },
    },
  };
}

/** Here and not with the boards: their component comes before the definition of routes, since all have monitors. */
function boardsRoute(home: string, facts: Partial<Facts>): KubernetesObject[] {
  const boards = facts.monitoring?.boards;
  if (boards === undefined) return [];
  const { hostname, namespace, service, port } = boards;
  const sectionName = facts.certificates === undefined ? "http" : "https";
  return [
    {
      apiVersion: `${API}/v1`,
      kind: "HTTPRoute",
      metadata: { name: service, namespace },
      spec: {
        parentRefs: [{ name: NAME, namespace: home, sectionName }],
        hostnames: [hostname],
        rules: [{ backendRefs: [{ name: service, port }] }],
      },
    },
  ];
}

function redirect(home: string): KubernetesObject {
  return {
    apiVersion: `${API}/v1`,
    kind: "HTTPRoute",
    metadata: { name: "to-https", namespace: home },
    spec: {
      parentRefs: [{ name: NAME, sectionName: "http" }],
      rules: [
        {
          filters: [
            { type: "RequestRedirect", requestRedirect: { scheme: "https", port: 443, statusCode: 301 } },
          ],
        },
      ],
    },
  };
}
