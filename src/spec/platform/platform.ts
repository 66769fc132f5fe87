/** platform.yaml once it is read: defaults filled in, the environment's overlay applied. */
export interface Platform {
  /** Also the value of the label `slipway.dev/platform` on every object. */
  name: string;
  /** Of our own parts and of the inventory. */
  namespace: string;
  kubernetes: KubernetesFacts;
  /** Host names of the platform and its tenants lie below it. */
  domain: string;
  /** Our own images by part, each with a tag or a digest. */
  images: Readonly<Record<string, string>>;
  given: GivenThings;
  /** Options by component, as the component's own schema gives them. A component that isn't named isn't there. */
  components: Readonly<Record<string, unknown>>;
  tenants: readonly Tenant[];
}

export interface KubernetesFacts {
  /** Minor version that the objects are made for, such as `1.36`. */
  version: string;
  /** Of the kubeconfig; the one that is current when it isn't named. */
  context?: string;
  podCidr?: string;
  serviceCidr?: string;
  nodeCidr?: string;
  /** Where policies let workloads reach the API server. */
  apiServer?: { cidr: string; port: number };
  /** Pods that answer DNS. */
  dns: { namespace: string; labels: Readonly<Record<string, string>> };
}

/** What exists in the cluster and isn't ours: named, so that the proof of the wiring can rely on it. */
export interface GivenThings {
  namespaces: readonly string[];
  secrets: readonly GivenKeys[];
  configMaps: readonly GivenKeys[];
  services: readonly { namespace: string; name: string; ports: readonly number[] }[];
  serviceAccounts: readonly { namespace: string; name: string }[];
  storageClasses: readonly string[];
  gatewayClasses: readonly string[];
  /** Kinds of others' CustomResourceDefinitions. */
  definitions: readonly { apiVersion: string; kind: string }[];
  /** Names of metrics that something emits that isn't rendered here. */
  metrics: readonly string[];
  buckets: readonly string[];
  hosts: readonly string[];
}

export interface GivenKeys {
  namespace: string;
  name: string;
  keys: readonly string[];
}

export interface Tenant {
  /** Also the namespace's name and MLflow's workspace. */
  name: string;
  description?: string;
  people: { admins: readonly Subject[]; members: readonly Subject[]; viewers: readonly Subject[] };
  quota: Quota;
  services: readonly InferenceService[];
  alerts: TenantAlerts;
}

/** Whom the API server knows, for a RoleBinding. */
export type Subject =
  | { kind: "User" | "Group"; name: string }
  | { kind: "ServiceAccount"; namespace: string; name: string };

/** Kubernetes quantities as text, such as `8`, `500m`, `16Gi`. */
export interface Quota {
  cpu: string;
  memory: string;
  pods: number;
  storage: string;
}

/** One inference service of a tenant. */
export interface InferenceService {
  name: string;
  /** `kserve`: an InferenceService in Standard mode; `deployment`: our own Deployment. */
  runtime: "kserve" | "deployment";
  /** A server that answers the Open Inference Protocol by itself; or a model for one of KServe's runtimes. */
  image?: string;
  model?: { format: string; uri: string };
  port: number;
  /** HTTP paths on that port. */
  paths: { live: string; ready: string; metrics: string };
  /** Metrics that the server emits by itself. */
  metrics: readonly string[];
  resources: { cpu: string; memory: string; cpuLimit?: string; memoryLimit?: string };
  scale: { min: number; max: number; cpu: number };
  /** Environment variables from Secrets of the tenant's namespace. */
  secrets: Readonly<Record<string, { name: string; key: string }>>;
}

export interface TenantAlerts {
  /** Where they are routed; none: to the platform's own receiver. */
  receiver?: AlertReceiver;
  /** Milliseconds. */
  latencyP95: number;
  /** A fraction. */
  errorRate: number;
}

/** The address is in a Secret: addresses of webhooks are passwords. */
export type AlertReceiver =
  | { kind: "webhook"; secret: { name: string; key: string } }
  | { kind: "slack"; channel: string; secret: { name: string; key: string } }
  | { kind: "email"; to: string };
