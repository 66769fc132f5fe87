import type { Component, RenderTenant } from "./component.ts";
import type { LockEntry } from "./lock.ts";
import { VERSIONS } from "./versions.ts";

/** All that a platform can be made of. */
export interface Registry {
  components: readonly Component<unknown>[];
  /** What a tenant becomes. */
  tenant?: RenderTenant;
  versions: readonly LockEntry[];
}

/** Every component, in the order of the reference: what others build on comes first. */
export const REGISTRY: Registry = {
  components: [],
  versions: VERSIONS,
};
