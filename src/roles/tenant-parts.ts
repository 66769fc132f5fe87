import type { PipelinesDeps } from "../pipelines/deps.ts";
import { createRegistry, type RegistryCore } from "../registry/create-registry.ts";
import type { RegistryDeps } from "../registry/deps.ts";
import type { Registry } from "../registry/registry.ts";
import { claimService, ownerOfService } from "../rollout/service-owners.ts";
import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import type { ServiceOwners } from "../git/service-owners.ts";
import type { Project } from "../spec/project.ts";
import type { Database } from "../store/database.ts";
import { stepToken } from "../tenancy/step-tokens.ts";
import { createTracking } from "../tracking/create-tracking.ts";
import type { Tracking } from "../tracking/tracking.ts";

export interface TenantPartsDeps {
  db: Database;
  registryDeps: RegistryDeps;
  /** The default tenant's. */
  registry: RegistryCore;
  tracking: Tracking;
  trackingDeps: Parameters<typeof createTracking>[0];
  /** Of which the tokens of pipeline steps are made. */
  internalToken: string;
}

/** Tracking, registry and services of each tenant, for what works on behalf of all of them. */
export interface TenantParts {
  registryOf(tenant: string): Registry;
  trackingOf(tenant: string): Promise<Tracking>;
  /** A model's registry is that of the tenant whose service has its name. */
  registryOfServices: Registry;
  services: ServiceOwners;
  /** Gives the spec's service to the tenant; NAME_TAKEN when it is another's. */
  claim(tenant: string, spec: Pick<Project, "model">): Promise<void>;
  inTenant: NonNullable<PipelinesDeps["inTenant"]>;
}

export function createTenantParts(deps: TenantPartsDeps): TenantParts {
  const { db, registry, tracking, internalToken } = deps;
  const registries = new Map<string, Registry>([[DEFAULT_TENANT, registry]]);
  const trackings = new Map<string, Promise<Tracking>>([[DEFAULT_TENANT, Promise.resolve(tracking)]]);

  function registryOf(tenant: string): Registry {
    const known = registries.get(tenant) ?? createRegistry({ ...deps.registryDeps, workspace: tenant });
    registries.set(tenant, known);
    return known;
  }

  function trackingOf(tenant: string): Promise<Tracking> {
    const known = trackings.get(tenant);
    if (known !== undefined) return known;
    const made = createTracking({ ...deps.trackingDeps, workspace: tenant });
    trackings.set(tenant, made);
    // A failure is no answer to keep.
    made.catch(() => trackings.delete(tenant));
    return made;
  }

  const ownerOf = (service: string): Promise<string | undefined> =>
    db.read((tx) => ownerOfService(tx, service));
  const of = async (model: string): Promise<Registry> => registryOf((await ownerOf(model)) ?? DEFAULT_TENANT);

  return {
    registryOf,
    trackingOf,
    registryOfServices: {
      ensureModel: async (name) => (await of(name)).ensureModel(name),
      createVersion: async (version) => (await of(version.model)).createVersion(version),
      getVersion: async (model, version) => (await of(model)).getVersion(model, version),
      listVersions: async (model, limit) => (await of(model)).listVersions(model, limit),
      setVersionTags: async (model, version, tags) => (await of(model)).setVersionTags(model, version, tags),
      projectAlias: async (model, alias, version) => (await of(model)).projectAlias(model, alias, version),
      onChampionRequested: (handler) => registry.onChampionRequested(handler),
    },
    services: {
      of: ownerOf,
      claim: (service, tenant) =>
        db.write(claimService, { service, tenant }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof SlipwayError && error.code === "NAME_TAKEN") return false;
            throw error;
          },
        ),
    },
    async claim(tenant, { model }) {
      if (model !== undefined) await db.write(claimService, { service: model.name, tenant });
    },
    async inTenant(tenant) {
      return {
        tracking: await trackingOf(tenant),
        registry: registryOf(tenant),
        credentials: { MLFLOW_TRACKING_TOKEN: stepToken(internalToken, tenant) },
      };
    },
  };
}
