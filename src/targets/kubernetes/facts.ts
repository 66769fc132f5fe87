import type { Endpoint, PodSelector } from "./component.ts";

/** What components publish for one another, by what it is for: who provides it can be changed without the others. */
export interface Facts {
  database: DatabaseFacts;
  objectStore: ObjectStoreFacts;
  gateway: GatewayFacts;
  certificates: CertificateFacts;
  monitoring: MonitoringFacts;
  workflows: WorkflowFacts;
  inference: InferenceFacts;
  delivery: DeliveryFacts;
  modelDelivery: ModelDeliveryFacts;
  tracking: TrackingFacts;
}

/** A key of a Secret in the same namespace as whoever uses it. */
export interface SecretKey {
  name: string;
  key: string;
}

export interface DatabaseFacts {
  /** Key whose value is a `postgres://` URL. */
  url: SecretKey;
  /** Namespace in which that Secret lies. */
  namespace: string;
  endpoint: Endpoint;
  port: number;
}

export interface ObjectStoreFacts {
  /** `https://s3.example.com`; for AWS its regional address. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: SecretKey;
  secretAccessKey: SecretKey;
  network: Endpoint;
  port: number;
  /** Clients are given addresses of the store itself; else all bytes go through the platform. */
  direct: boolean;
}

export interface GatewayFacts {
  name: string;
  namespace: string;
  className: string;
  /** Listener for routes of the platform and its tenants. */
  listener: string;
  /** Where pods reach it as callers do; undefined: its Service has a name that isn't known before. */
  door?: GatewayDoorFacts;
  /** The proxy's pods: where traffic into a tenant comes from. */
  pods: PodSelector;
  /** How it counts requests, the same for whatever server is behind a route: what alerts and boards of tenants read. */
  traffic: TrafficFacts;
}

export interface GatewayDoorFacts {
  url: string;
  /** Of the proxy's pods, behind that address. */
  port: number;
}

/** The proxy's metrics of one Service behind a route. */
export interface TrafficFacts {
  /** A counter of requests. */
  requests: string;
  /** Matcher of those that the server failed: `code=~"5.."`. */
  failed: string;
  /** A histogram of their durations, without `_bucket`. */
  durations: string;
  /** Seconds in one unit of that histogram. */
  unit: number;
  /** Matcher of one Service, with `{namespace}`, `{route}` (an HTTPRoute's name), `{service}` and `{port}` to fill in. */
  of: string;
}

export interface CertificateFacts {
  issuer: { kind: "ClusterIssuer"; name: string };
}

export interface MonitoringFacts {
  /** Prometheus's pods: who scrapes. */
  pods: PodSelector;
  /** Labels by which monitors and rules are picked up. */
  monitorLabels: Record<string, string>;
  ruleLabels: Record<string, string>;
  /** A Service with boards to sign in to; the gateway leads to it. */
  boards?: { hostname: string; namespace: string; service: string; port: number };
  /** Of an AlertmanagerConfig, which takes the alerts whose label `namespace` is its own. */
  receiverLabels: Record<string, string>;
}

export interface WorkflowFacts {
  controller: PodSelector;
  namespace: string;
}

export interface InferenceFacts {
  /** Whether KServe's own runtimes are there. */
  ownRuntimes: boolean;
  controller: PodSelector;
  namespace: string;
}

export interface DeliveryFacts {
  engine: "argo-cd" | "flux";
  namespace: string;
  repository: string;
  branch: string;
  path: string;
}

/** Who carries out which models run, in the place of our own control. */
export interface ModelDeliveryFacts {
  /** Of its Application. */
  namespace: string;
  application: string;
  /** What reads the environment repository from our platform. */
  reader: PodSelector;
}

/** Our own platform, as tenants' workloads see it. */
export interface TrackingFacts {
  /** `http://slipway.slipway.svc:4600`. */
  url: string;
  control: PodSelector;
  serve: PodSelector;
  port: number;
  /** The gateway sends callers' requests to model pods. */
  isGatewayRouted: boolean;
  /** Who control is to the API server. */
  account: { namespace: string; name: string };
}
