import type { Component, RenderTenant } from "./component.ts";
import { argoCd } from "./components/argo-cd.ts";
import { argoWorkflows } from "./components/argo-workflows.ts";
import { certManager } from "./components/cert-manager.ts";
import { flux } from "./components/flux.ts";
import { gateway } from "./components/gateway.ts";
import { kserve } from "./components/kserve.ts";
import { objectStore } from "./components/object-store.ts";
import { postgresql } from "./components/postgresql.ts";
import { prometheus } from "./components/prometheus.ts";
import { slipway } from "./components/slipway.ts";
import type { LockEntry } from "./lock.ts";
import { renderTenant } from "./tenants/tenant.ts";
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
  components: [
    certManager,
    prometheus,
    gateway,
    objectStore,
    postgresql,
    argoWorkflows,
    kserve,
    argoCd,
    flux,
    slipway,
  ],
  tenant: renderTenant,
  versions: VERSIONS,
};
