import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { createApp } from "../../src/http/server.ts";
import { createRegistry, type RegistryCore } from "../../src/registry/create-registry.ts";
import { registryRoutes } from "../../src/registry/routes.ts";
import { registryMigrations } from "../../src/registry/schema.ts";
import { createWebhooks } from "../../src/registry/webhooks/create-webhooks.ts";
import { webhookSettings, type WebhookSettings } from "../../src/registry/webhooks/settings.ts";
import type { Resolve } from "../../src/registry/webhooks/target.ts";
import type { BlobStore } from "../../src/store/blobs.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import type { Database, Migration } from "../../src/store/database.ts";
import { createLogged } from "../../src/tracking/logged.ts";
import { createTracking } from "../../src/tracking/create-tracking.ts";
import { trackingRoutes } from "../../src/tracking/routes.ts";
import { trackingMigrations } from "../../src/tracking/schema.ts";
import { temporaryFolder } from "../store/support.ts";
import { noteClientCalls } from "./client-calls.ts";
import { openTestDatabase } from "../support/database.ts";

/** Tracking and registry as the control process serves them, on a real database in a folder of their own. */
export interface TestPlatform {
  app: FastifyInstance;
  db: Database;
  blobs: BlobStore;
  folder: string;
  tracking: Awaited<ReturnType<typeof createTracking>>;
  registry: RegistryCore;
  /** What was logged as a defect. */
  defects: unknown[];
  /** Webhook deliveries that were given up. */
  notes: string[];
  /** A call of MLflow's API below /api/2.0/mlflow; throws unless the status is the expected one. */
  call<Answer = Record<string, never>>(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    fields?: object,
    status?: number,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export async function startPlatform(
  options: {
    clock?: Clock;
    maxArtifactBytes?: number;
    /** A database of PostgreSQL that is shared with another platform; default: an empty one. */
    store?: string;
    /** Default: a folder of its own. */
    blobs?: BlobStore;
    sourcePattern?: RegExp;
    /** Of other features, whose tables the test needs. */
    migrations?: readonly Migration[];
    /** Adds hooks before the routes are there. */
    prepare?: (app: FastifyInstance) => void;
    /** Default: the kind that the test run is about. */
    database?: "sqlite" | "postgres";
    /** Deliveries begin at the start when it is given, unless `isSilent`. */
    webhooks?: { settings: Partial<WebhookSettings>; resolve?: Resolve; isSilent?: boolean };
  } = {},
): Promise<TestPlatform> {
  const clock = options.clock ?? systemClock;
  const folder = await temporaryFolder();
  const db = await openTestDatabase({
    folder: folder.path,
    migrations: [...trackingMigrations, ...registryMigrations, ...(options.migrations ?? [])],
    clock,
    ...(options.database ? { kind: options.database } : {}),
    ...(options.store === undefined ? {} : { address: options.store }),
  });
  const defects: unknown[] = [];
  const logDefect = (error: unknown): void => void defects.push(error);
  const app = await createApp({ guard: () => null, logDefect, version: "0.0.0" });
  noteClientCalls(app);
  options.prepare?.(app);
  const blobs = options.blobs ?? createFolderBlobs(join(folder.path, "artifacts"));
  const logged = createLogged();
  const deps = {
    db,
    clock,
    ids: systemIds(() => clock.now()),
    artifactRoot: "mlflow-artifacts:/",
    workingDir: "/work-here",
    logged,
  };
  const tracking = await createTracking(deps);
  const notes: string[] = [];
  const { settings, resolve, isSilent = false } = options.webhooks ?? { isSilent: true };
  const webhooks = await createWebhooks({
    ...deps,
    random: () => 0,
    dataDir: folder.path,
    settings: { ...webhookSettings({}), ...settings },
    ...(resolve ? { resolve } : {}),
    logDefect,
    note: (line) => void notes.push(line),
  });
  const registryDeps = {
    db: webhooks.watch(db),
    clock,
    artifactUris: tracking.artifactUris,
    ...(options.sourcePattern ? { sourcePattern: options.sourcePattern } : {}),
  };
  const registry = createRegistry(registryDeps);
  const { maxArtifactBytes } = options;
  trackingRoutes(app, {
    ...deps,
    blobs,
    logDefect,
    versionPath: registry.versionPath,
    ...(maxArtifactBytes === undefined ? {} : { maxArtifactBytes }),
  });
  registryRoutes(app, { ...registryDeps, registry, logDefect });
  webhooks.routes(app);
  await app.ready();
  const ending = new AbortController();
  const delivering = isSilent ? undefined : webhooks.run(ending.signal);
  return {
    app,
    db,
    blobs,
    folder: folder.path,
    tracking,
    registry,
    defects,
    notes,
    call: (method, path, fields = {}, status = 200) => call(app, method, path, fields, status),
    async close() {
      ending.abort();
      await Promise.all([app.close(), delivering]);
      await db.close();
      await folder.dispose();
    },
  };
}

async function call<Answer>(
  app: FastifyInstance,
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  fields: object,
  status: number,
): Promise<Answer> {
  const url = path.startsWith("/") ? path : `/api/2.0/mlflow/${path}`;
  const answer = await app.inject({
    method,
    url,
    ...(method === "GET" ? { query: fields as Record<string, string> } : { payload: fields }),
  });
  if (answer.statusCode !== status) {
    throw new Error(`${method} ${path} answered ${answer.statusCode}: ${answer.body}`);
  }
  return answer.json() as Answer;
}
