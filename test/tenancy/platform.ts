import { DatabaseSync } from "@photostructure/sqlite";
import type { FastifyInstance } from "fastify";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { digestOf } from "../../src/http/credentials.ts";
import { createGuard } from "../../src/http/guard.ts";
import { createApp } from "../../src/http/server.ts";
import { importRoutes } from "../../src/import/routes.ts";
import { importMigrations } from "../../src/import/schema.ts";
import { createRegistry } from "../../src/registry/create-registry.ts";
import { registryRoutes } from "../../src/registry/routes.ts";
import { registryMigrations } from "../../src/registry/schema.ts";
import { createWebhooks } from "../../src/registry/webhooks/create-webhooks.ts";
import { webhookSettings } from "../../src/registry/webhooks/settings.ts";
import { defineCommand, type Database } from "../../src/store/database.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import { AuditedChanges } from "../../src/tenancy/audited-changes.ts";
import type { PredictionToken } from "../../src/tenancy/prediction-callers.ts";
import { createTenancy, type Tenancy, type TenancyDeps } from "../../src/tenancy/create-tenancy.ts";
import { Passwords } from "../../src/tenancy/passwords.ts";
import { tenancyMigrations } from "../../src/tenancy/schema.ts";
import { stepToken } from "../../src/tenancy/step-tokens.ts";
import { createLogged } from "../../src/tracking/logged.ts";
import { createTracking } from "../../src/tracking/create-tracking.ts";
import { trackingRoutes } from "../../src/tracking/routes.ts";
import { trackingMigrations } from "../../src/tracking/schema.ts";
import { temporaryFolder } from "../store/support.ts";
import { noteClientCalls } from "../tracking/client-calls.ts";
import { openTestDatabase } from "../support/database.ts";

/** The platform's own token. */
export const ROOT = "slipway_root-of-the-tests";
/** The token of its steps. */
const STEP_SECRET = "slipway_step-of-the-tests";
export const STEP = stepToken(STEP_SECRET, "default");
export const PASSWORD = "correct horse battery";

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  // What comes is for each test to look at.
  // oxlint-disable-next-line no-explicit-any
  body: any;
}

export interface Asked {
  /** A bearer token; null: none at all. Default: the platform's own. */
  as?: string | null;
  /** A whole Authorization header instead. */
  authorization?: string;
  workspace?: string;
  body?: object;
  headers?: Record<string, string>;
}

/** Tracking, registry and tenancy on a real database, where every request needs a caller. */
export interface TenancyPlatform {
  app: FastifyInstance;
  db: Database;
  tenancy: Tenancy;
  defects: unknown[];
  /** The lists of tokens that serve was told, newest last. */
  admitted: PredictionToken[][];
  ask(method: string, url: string, asked?: Asked): Promise<Answer>;
  /** Runs a statement that no command of ours would, past all of them. */
  execute(sql: string): Promise<void>;
  /** Makes a person with a password and roles; answers a token of theirs. */
  person(name: string, roles: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export async function startTenancy(
  options: {
    clock?: Clock;
    isOpen?: boolean;
    more?: Partial<TenancyDeps>;
    /** Stands before the database. */
    through?: (db: Database) => Database;
  } = {},
): Promise<TenancyPlatform> {
  const clock = options.clock ?? systemClock;
  const folder = await temporaryFolder();
  const changes = new AuditedChanges();
  const database = await openTestDatabase({
    folder: folder.path,
    migrations: [...trackingMigrations, ...registryMigrations, ...tenancyMigrations, ...importMigrations],
    clock,
  });
  const db = changes.watch(options.through?.(database) ?? database);
  const defects: unknown[] = [];
  const admitted: PredictionToken[][] = [];
  const logDefect = (error: unknown): void => void defects.push(error);
  const ids = systemIds(() => clock.now());
  const tenancy = createTenancy({
    db,
    changes,
    auditDays: 30,
    clock,
    ids,
    platformSha256: options.isOpen === true ? null : digestOf(ROOT),
    stepSecret: STEP_SECRET,
    admit: async ({ tokens }) => {
      admitted.push(tokens);
      return { used: [] };
    },
    // As slow as it must be for guessing, a test would be too.
    passwords: new Passwords(10),
    log: logDefect,
    ...options.more,
  });
  const app = await createApp({
    guard: createGuard({ host: "127.0.0.1", allowedHosts: [] }),
    sentry: tenancy.authenticator,
    logDefect,
    version: "0.0.0",
  });
  noteClientCalls(app);
  tenancy.routes(app);
  const blobs = createFolderBlobs(`${folder.path}/artifacts`);
  const logged = createLogged();
  const trackingDeps = {
    db,
    clock,
    ids,
    artifactRoot: "mlflow-artifacts:/",
    workingDir: "/work-here",
    logged,
  };
  const { artifactUris } = await createTracking(trackingDeps);
  const webhooks = await createWebhooks({
    ...trackingDeps,
    random: () => 0,
    dataDir: folder.path,
    settings: webhookSettings({}),
    logDefect,
    note: () => undefined,
  });
  const registry = createRegistry({ db, clock, artifactUris });
  trackingRoutes(app, { ...trackingDeps, blobs, logDefect, versionPath: registry.versionPath });
  registryRoutes(app, { db, clock, artifactUris, registry, logDefect });
  webhooks.routes(app);
  importRoutes(app, { ...trackingDeps, blobs, artifactUris });
  await app.ready();

  const ask: TenancyPlatform["ask"] = async (method, url, asked = {}) => {
    const { as = ROOT, authorization = as === null ? undefined : `Bearer ${as}`, workspace, body } = asked;
    const answer = await app.inject({
      method: method as "GET",
      url: /^\/(?:api|v1|ajax)/.test(url) ? url : `/api/slipway/v1${url}`,
      headers: {
        host: "127.0.0.1",
        ...(authorization === undefined ? {} : { authorization }),
        ...(workspace === undefined ? {} : { "x-mlflow-workspace": workspace }),
        ...asked.headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
    const isJson = String(answer.headers["content-type"]).includes("json");
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson && answer.body !== "" ? answer.json() : answer.body,
    };
  };
  return {
    app,
    db,
    tenancy,
    defects,
    admitted,
    ask,
    async person(name, roles) {
      await ask("POST", "/people", { body: { name, password: PASSWORD } });
      for (const [tenant, role] of Object.entries(roles))
        await ask("PUT", `/tenants/${tenant}/members/${name}`, { body: { role } });
      return (await ask("POST", "/tokens", { body: { name: "test", person: name } })).body.token;
    },
    async execute(sql) {
      const dialect = await db.read(async (tx) => tx.dialect);
      const run = defineCommand("test.execute", async (tx, text: string) => void (await tx.run(text)));
      if (dialect === "postgres") return db.write(run, sql);
      const file = new DatabaseSync(`${folder.path}/slipway.db`);
      try {
        file.exec(sql);
      } finally {
        file.close();
      }
    },
    async close() {
      await tenancy.close();
      await app.close();
      await db.close();
      await folder.dispose();
    },
  };
}

export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}
