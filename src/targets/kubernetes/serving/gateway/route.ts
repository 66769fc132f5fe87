import { VARIANT_HEADER } from "../../../../serving/request-id.ts";
import type { KubernetesObject } from "../../object.ts";
import {
  HTTP_PORT,
  MANAGED_BY,
  MANAGER,
  SERVICE_LABEL,
  serviceLabel,
  serviceName,
  variantName,
} from "../names.ts";

/** Where a service's route hangs. */
export interface GatewayPlace {
  /** The Gateway, and which of its listeners. */
  name: string;
  namespace: string;
  listener?: string;
  /** Host name of the platform. */
  host: string;
}

/** What a route says of one service. */
export interface ServiceRoute {
  service: string;
  /** Of its variants. */
  namespace: string;
  /** All that have pods; each can be asked by its number. */
  prepared: readonly number[];
  /** Undefined: nobody gets what names no version. */
  champion?: number;
  challenger?: number;
  /** Of new requests, 0 to 1. */
  share: number;
}

const ROUTE = "gateway.networking.k8s.io/v1";
/** Weights are whole numbers: shares are told apart to a tenth of a per cent. */
const WHOLE = 1_000;
/** A route has sixteen rules at most. Source: Gateway API, HTTPRouteSpec. */
const MOST_VARIANTS = 15;

/** No name of an object has a dot in it: no variant's file ends so. */
const ROUTE_FILE = ".route.yaml";
/** Of the files of routes, for Argo CD, which leaves them to control. */
export const ROUTE_FILES = `*${ROUTE_FILE}`;

export function routePath(namespace: string, service: string): string {
  return `${namespace}/${serviceName(service)}${ROUTE_FILE}`;
}

export function isRoutePath(path: string): boolean {
  return path.endsWith(ROUTE_FILE);
}

/** The HTTPRoute of a service, below the platform's own host name; undefined where nothing would be reached by it. */
export function renderRoute(route: ServiceRoute, place: GatewayPlace): KubernetesObject | undefined {
  const { service, namespace, champion } = route;
  const prepared = [...route.prepared].sort((a, b) => b - a).slice(0, MOST_VARIANTS);
  if (prepared.length === 0 && champion === undefined) return undefined;
  const paths = pathsOf(service);
  const backend = (version: number, weight: number): object => ({
    name: variantName({ service, version }),
    port: HTTP_PORT,
    weight,
  });
  const named = prepared.map((version) => ({
    matches: paths.map((path) => ({
      path,
      headers: [{ type: "Exact", name: VARIANT_HEADER, value: String(version) }],
    })),
    backendRefs: [backend(version, 1)],
  }));
  return {
    apiVersion: ROUTE,
    kind: "HTTPRoute",
    metadata: {
      name: `route-${serviceName(service)}`,
      namespace,
      labels: { [MANAGED_BY]: MANAGER, [SERVICE_LABEL]: serviceLabel(service) },
    },
    spec: {
      parentRefs: [
        {
          name: place.name,
          namespace: place.namespace,
          ...(place.listener === undefined ? {} : { sectionName: place.listener }),
        },
      ],
      hostnames: [place.host],
      rules: [
        ...named,
        ...(champion === undefined
          ? []
          : [{ matches: paths.map((path) => ({ path })), backendRefs: weighted(route, champion, backend) }]),
      ],
    },
  };
}

function weighted(
  { challenger, share }: ServiceRoute,
  champion: number,
  backend: (version: number, weight: number) => object,
): object[] {
  if (challenger === undefined) return [backend(champion, 1)];
  const weight = Math.round(share * WHOLE);
  return [backend(champion, WHOLE - weight), backend(challenger, weight)];
}

/** What of the platform's paths a service's own pods answer. */
function pathsOf(service: string): object[] {
  const name = encodeURIComponent(service);
  const below = (value: string): object => ({ type: "PathPrefix", value });
  return [
    below(`/v2/models/${name}`),
    below(`/v1/models/${name}`),
    { type: "Exact", value: `/v1/models/${name}:predict` },
    below(`/endpoints/${name}`),
    below(`/ready/${name}`),
  ];
}
