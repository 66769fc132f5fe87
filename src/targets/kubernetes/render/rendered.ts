import type { GivenThings, Platform } from "../../../spec/platform/platform.ts";
import type {
  AccessUse,
  ChartUse,
  HealthCheck,
  MetricSource,
  NetworkPath,
  PlacedObject,
  SecretUse,
} from "../component.ts";
import type { LockEntry } from "../lock.ts";

/**
 * A whole platform as what it becomes in a cluster: what is planned, proven, applied and written to files. Pure data,
 * the same bytes for the same file.
 */
export interface Rendered {
  /** With the environment's overlay applied. */
  platform: Platform;
  environment?: string;
  /** Each identity once; namespaces, definitions, RBAC, configuration, workloads, then custom resources. */
  objects: readonly RenderedObject[];
  charts: readonly RenderedChart[];
  emits: readonly Owned<MetricSource>[];
  paths: readonly Owned<NetworkPath>[];
  secrets: readonly Owned<SecretUse>[];
  access: readonly Owned<AccessUse>[];
  health: readonly Owned<HealthCheck>[];
  /** Rows of the table of versions that the platform's components use, by name. */
  locked: readonly LockEntry[];
  given: GivenThings;
}

/** `component` is a component's name, or `tenants/<name>`: also the folder it is written to. */
export type Owned<Thing> = Thing & { component: string };

export interface RenderedObject extends Owned<PlacedObject> {
  /** Row of the chart that made it. */
  chart?: string;
}

/** A chart that a component uses. */
export interface RenderedChart extends Owned<ChartUse> {
  /** `read`: its objects are among the others. `reference`: they aren't known here, and nothing of them is proven. */
  state: "read" | "reference";
}
