import { Readable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import type { Clock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { createCollector, type Collector } from "../../src/gc/collector.ts";
import type { GcDeps } from "../../src/gc/deps.ts";
import type { GcJob } from "../../src/gc/job.ts";
import { gcRoutes } from "../../src/gc/routes.ts";
import { gcMigrations } from "../../src/gc/schema.ts";
import { toSlipwayError } from "../../src/http/errors.ts";
import { LOCAL_CALLER } from "../../src/http/identity.ts";
import { pipelineMigrations } from "../../src/pipelines/commands.ts";
import type { Migration } from "../../src/store/database.ts";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";

/** A clock that a test moves. */
export class HeldClock implements Clock {
  at = Date.UTC(2026, 0, 1);
  now(): number {
    return this.at;
  }
  async sleep(): Promise<void> {}
}

export interface GcPlatform extends TestPlatform {
  clock: HeldClock;
  collector: Collector;
  deps: GcDeps;
  /** Runs of which somebody was told before they went. */
  told: string[];
  /** A call of our own API as a tenant's admin. */
  gc(
    method: "GET" | "POST",
    path: string,
    body?: object,
    as?: { tenant?: string; isPlatformAdmin?: boolean },
  ): Promise<{ status: number; body: GcJob & { error: { code: string } | null } }>;
  /** Counts, deletes, and waits for both. */
  collect(body?: object, tenant?: string): Promise<GcJob>;
  upload(path: string, text: string): Promise<void>;
  count(table: string): Promise<number>;
}

export async function startGcPlatform(more: readonly Migration[] = []): Promise<GcPlatform> {
  const clock = new HeldClock();
  const prepare = (app: FastifyInstance): void => {
    app.addHook("preHandler", async (request) => {
      const tenant = request.headers["x-mlflow-workspace"];
      if (typeof tenant === "string") request.identity = { ...request.identity, tenant };
    });
  };
  const platform = await startPlatform({
    clock,
    prepare,
    migrations: [...pipelineMigrations, ...gcMigrations, ...more],
  });
  const told: string[] = [];
  const deps: GcDeps = {
    db: platform.db,
    blobs: platform.blobs,
    clock,
    ids: systemIds(() => clock.now()),
    artifactRoot: "mlflow-artifacts:/",
    beforeRunsGo: async (_, ids) => void told.push(...ids),
    logDefect: (error) => void platform.defects.push(error),
  };
  const collector = createCollector(deps);
  const app = Fastify();
  app.decorateRequest("identity");
  app.decorateRequest("audited", null);
  app.addHook("onRequest", async (request) => {
    const { "x-tenant": tenant = "default", "x-platform": platformAdmin } = request.headers;
    const caller = { ...LOCAL_CALLER, isPlatformAdmin: platformAdmin === "yes" };
    request.identity = { caller, tenant: String(tenant) };
  });
  app.setErrorHandler((error, _request, reply) => {
    const known = toSlipwayError(error);
    return reply.status(known.status).send({ error: known.toJSON() });
  });
  gcRoutes(app, { collector });

  const gc: GcPlatform["gc"] = async (method, path, body, as = {}) => {
    const { tenant = "default", isPlatformAdmin = true } = as;
    const answer = await app.inject({
      method,
      url: `/api/slipway/v1${path}`,
      headers: { "x-tenant": tenant, "x-platform": isPlatformAdmin ? "yes" : "no" },
      ...(body ? { payload: body } : {}),
    });
    return { status: answer.statusCode, body: answer.json() };
  };
  const ended = async (id: string, tenant: string): Promise<GcJob> => {
    for (;;) {
      const { body } = await gc("GET", `/gc/${id}`, undefined, { tenant });
      if (body.state !== "counting" && body.state !== "deleting") return body;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return {
    ...platform,
    clock,
    collector,
    deps,
    told,
    gc,
    async collect(body = {}, tenant = "default") {
      const planned = await gc("POST", "/gc/plan", body, { tenant });
      if (planned.status !== 202) throw new Error(JSON.stringify(planned.body));
      const counted = await ended(planned.body.id, tenant);
      if (counted.state !== "counted") throw new Error(JSON.stringify(counted));
      const begun = await gc("POST", "/gc", { plan: counted.id }, { tenant });
      if (begun.status !== 202) throw new Error(JSON.stringify(begun.body));
      return ended(counted.id, tenant);
    },
    async upload(path, text) {
      await platform.blobs.put(path, Readable.from([new TextEncoder().encode(text)]));
    },
    async count(table) {
      const row = await platform.db.read((tx) => tx.get<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`));
      return Number(row?.n ?? 0);
    },
    async close() {
      await collector.close();
      await app.close();
      await platform.close();
    },
  };
}
