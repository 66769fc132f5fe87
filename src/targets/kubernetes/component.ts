import type { z } from "zod";
import type { Path } from "../../spec/issue.ts";
import type { Platform, Tenant } from "../../spec/platform/platform.ts";
import type { Facts } from "./facts.ts";
import type { LockEntry } from "./lock.ts";
import type { KubernetesObject } from "./object.ts";

/**
 * One engine of a platform: everything that the platform knows of it stands in the one file that makes this object.
 * A component is pure: the same options, platform and facts give the same bytes.
 *
 * `Options` are the keys under `components.<name>` in platform.yaml.
 */
export interface Component<Options> {
  /** As it is written in platform.yaml, such as `argoWorkflows`. */
  name: string;
  /** One line for people. */
  summary: string;
  options: z.ZodType<Options>;
  /** Components without which this one can't work; each inner list is a choice of which one is needed. */
  requires?: readonly (readonly string[])[];
  /** Components that do the same and would fight over the same objects. */
  excludes?: readonly string[];
  /** Its rows in the one table of versions: the chart, the images, the definitions. */
  locked: readonly string[];
  /** What the others may build on, such as the name of the gateway. Sees no facts of others. */
  publish?(context: Omit<ComponentContext<Options>, "facts">): Partial<Facts>;
  render(context: ComponentContext<Options>): ComponentOutput;
}

export interface ComponentContext<Options> {
  /** With the environment's overlay applied. */
  platform: Platform;
  options: Options;
  /** What the other components publish. */
  facts: Partial<Facts>;
  /** A row of the table of versions. Throws on one that the component doesn't name in `locked`. */
  locked(row: string): LockEntry;
}

export interface ComponentOutput {
  objects: PlacedObject[];
  /** Charts whose objects are read from `helm template` with these values; see charts/. */
  charts?: ChartUse[];
  emits?: MetricSource[];
  paths?: NetworkPath[];
  /** Secrets that its objects name and that no object makes. */
  secrets?: SecretUse[];
  /** What its workloads ask of the API server: the wiring proof holds their roles against it, both ways. */
  access?: AccessUse[];
  health?: HealthCheck[];
}

/** What a tenant becomes in the cluster; pure, as a component is. */
export type RenderTenant = (context: TenantContext) => ComponentOutput;

export interface TenantContext {
  platform: Platform;
  tenant: Tenant;
  /** Where the tenant stands in platform.yaml. */
  from: Path;
  facts: Partial<Facts>;
  /** A row of the table of versions. Throws on one that isn't in it. */
  locked(row: string): LockEntry;
}

/** An object, and where in platform.yaml the wish for it stands: an error about it points there. */
export interface PlacedObject {
  object: KubernetesObject;
  from: Path;
}

export interface ChartUse {
  /** Row of the table of versions. */
  row: string;
  release: string;
  namespace: string;
  values: Record<string, unknown>;
  from: Path;
}

/** Metrics that something in the cluster shows at an address which Prometheus scrapes. */
export interface MetricSource {
  /** Where it is scraped: pods with these labels, and the container port's name. */
  pods: PodSelector;
  port: string;
  metrics: readonly MetricFamily[];
}

export interface MetricFamily {
  /** As in the exposition, a histogram's without `_bucket`. */
  name: string;
  type: "counter" | "gauge" | "histogram" | "summary";
  /** Labels that it carries by itself, without those that scraping adds. */
  labels: readonly string[];
}

export interface PodSelector {
  namespace: string;
  labels: Record<string, string>;
}

/** One end of a network path. */
export type Endpoint =
  | { kind: "pods"; pods: PodSelector }
  | { kind: "apiServer" }
  | { kind: "dns" }
  /** Outside of the cluster, by CIDR. */
  | { kind: "outside"; cidr: string };

/** Two ends that must be able to talk for the platform to work. */
export interface NetworkPath {
  from: Endpoint;
  to: Endpoint;
  /** Port of the pod, not of the Service before it. */
  port: number;
  protocol?: "TCP" | "UDP";
  /** What stops working without it, in a few words: `scrape metrics`. */
  why: string;
}

/** A Secret that is named and not rendered: no secret's value is ever in a file. */
export interface SecretUse {
  namespace: string;
  name: string;
  keys: readonly string[];
  /** `given`: a person makes it before; `controller`: something in the cluster makes it, named by `by`. */
  made: { how: "given" } | { how: "controller"; by: string };
  from: Path;
}

/** What one identity does with one kind of resource; it needs these rights, and none that no use names. */
export interface AccessUse {
  serviceAccount: { namespace: string; name: string };
  verbs: readonly string[];
  /** Empty: the core group. */
  group: string;
  /** Plural, with its subresource where one is meant: `pods/log`. */
  resource: string;
  /** Namespaces in which it does so; `cluster`: in all of them, or on what has no namespace. */
  where: readonly string[] | "cluster";
  /** Only objects of these names. */
  names?: readonly string[];
  /** What stops working without it: `run the steps of a pipeline`. */
  why: string;
}

/** A condition that says that it works; an object that merely exists is not healthy. */
export interface HealthCheck {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  /** `rolledOut`: a workload with all its replicas of this generation available; else a condition's type that is True. */
  condition: string;
}

/** Gives back what it takes: the place where `Options` is inferred from the schema. */
export function defineComponent<Options>(component: Component<Options>): Component<Options> {
  return component;
}
