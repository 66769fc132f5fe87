import type { FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import { importRoutes } from "../import/routes.ts";
import type { EffectLedger } from "../pipelines/effects.ts";
import { createTrackingLedger } from "../pipelines/tracking-ledger.ts";
import { createRegistry, type RegistryCore } from "../registry/create-registry.ts";
import { registryRoutes } from "../registry/routes.ts";
import { createWebhooks } from "../registry/webhooks/create-webhooks.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import { createTracking } from "../tracking/create-tracking.ts";
import { createLogged } from "../tracking/logged.ts";
import { trackingRoutes } from "../tracking/routes.ts";
import type { Tracking } from "../tracking/tracking.ts";
import type { PlatformConfig } from "./config.ts";
import { createTenantParts, type TenantParts } from "./tenant-parts.ts";

interface RecordsDeps {
  clock: Clock;
  ids: Ids;
  db: Database;
  logDefect: (error: unknown, where?: string) => void;
}

/** Runs and models with whoever is told of them: what the `mlflow` client knows. */
export interface Records {
  /** The default tenant's. */
  tracking: Tracking;
  registry: RegistryCore;
  tenants: TenantParts;
  /** Keeps what steps tracked. */
  ledger(blobs: BlobStore): EffectLedger;
  routes(app: FastifyInstance, blobs: BlobStore): void;
  /** Delivers webhooks until the signal is aborted; resolves when none is under way. */
  run(signal: AbortSignal): Promise<void>;
}

export async function openRecords(config: PlatformConfig, deps: RecordsDeps): Promise<Records> {
  const { clock, ids, db, logDefect } = deps;
  const { artifactRoot, workingDir, internalToken, sourcePattern } = config;
  const logged = createLogged();
  const trackingDeps = { db, clock, ids, artifactRoot, workingDir, logged };
  const tracking = await createTracking(trackingDeps);
  const { artifactUris } = tracking;
  const webhooks = await createWebhooks({
    db,
    clock,
    ids,
    random: Math.random,
    dataDir: config.dataDir,
    settings: config.webhooks,
    logDefect,
    note: (line) => logDefect(undefined, line),
  });
  const registryDeps = {
    db: webhooks.watch(db),
    clock,
    artifactUris,
    ...(sourcePattern === undefined ? {} : { sourcePattern: new RegExp(sourcePattern, "u") }),
  };
  const registry = createRegistry(registryDeps);
  const tenants = createTenantParts({ db, registryDeps, registry, tracking, trackingDeps, internalToken });
  return {
    tracking,
    registry,
    tenants,
    ledger: (artifacts) => createTrackingLedger({ tracking, trackingOf: tenants.trackingOf, artifacts }),
    routes(app, blobs) {
      const { maxBytes: maxArtifactBytes, downloadSeconds: presignedDownloadSeconds } = config.artifacts;
      trackingRoutes(app, {
        ...trackingDeps,
        blobs,
        logDefect,
        maxArtifactBytes,
        presignedDownloadSeconds,
        versionPath: registry.versionPath,
      });
      registryRoutes(app, { ...registryDeps, registry, logDefect });
      webhooks.routes(app);
      importRoutes(app, { db, clock, ids, blobs, artifactRoot, artifactUris, maxArtifactBytes });
    },
    run: (signal) => webhooks.run(signal),
  };
}
