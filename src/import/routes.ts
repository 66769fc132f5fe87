import type { FastifyInstance } from "fastify";
import { bringRoutes } from "./bring-routes.ts";
import { checkFiles, checkItems, isHere } from "./check.ts";
import type { ImportDeps } from "./deps.ts";
import { fileRoutes } from "./file-routes.ts";
import { beginImport, endImport, findItem, knownItems, noteItem, type ImportRow } from "./items.ts";
import { BASE, described, importId, importOf, read, unchecked } from "./route-parts.ts";
import { SlipwayError } from "../http/errors.ts";
import { holds } from "./digest.ts";
import { runFacts } from "./runs.ts";
import * as wire from "./wire.ts";

/** Bytes of a call about ids or a report. */
const SMALL_BODY = 1024 * 1024;

const config = { access: "admin", tenantFrom: "request" } as const;

/**
 * What `slipway import` calls. The platform asks the old server nothing: whoever imports reads there and writes here.
 * Every call may be sent again: what is there already changes nothing.
 */
export function importRoutes(app: FastifyInstance, deps: ImportDeps): void {
  listRoutes(app, deps);
  progressRoutes(app, deps);
  bringRoutes(app, deps);
  fileRoutes(app, deps);
}

function listRoutes(app: FastifyInstance, { db, clock, ids }: ImportDeps): void {
  app.get(
    BASE,
    { config, schema: { tags: ["imports"], summary: "Imports into the tenant, newest first" } },
    async ({ identity }) => {
      const rows = await db.read((tx) =>
        tx.all<ImportRow>(
          `SELECT import_id, source, source_version, started_at, ended_at, report FROM imports
           WHERE tenant = ? ORDER BY started_at DESC, import_id LIMIT 100`,
          [identity.tenant],
        ),
      );
      return { tenant: identity.tenant, imports: rows.map(view) };
    },
  );
  app.post(
    BASE,
    {
      config,
      ...unchecked,
      bodyLimit: SMALL_BODY,
      schema: {
        tags: ["imports"],
        summary: "Begin an import, or go on with the one from that source",
        body: described(wire.source),
      },
    },
    async (request) => {
      const { source, version } = read(wire.source, request.body);
      request.audited = { subject: `import/${source}` };
      const id = await db.write(beginImport, {
        workspace: request.identity.tenant,
        importId: `im-${ids.hex()}`,
        source,
        version: version ?? null,
        now: clock.now(),
      });
      return { id, tenant: request.identity.tenant };
    },
  );
  app.post(
    `${BASE}/:importId/end`,
    {
      config,
      ...unchecked,
      bodyLimit: SMALL_BODY,
      schema: {
        tags: ["imports"],
        summary: "End an import with its report",
        params: described(importId),
        body: described(wire.end),
      },
    },
    async (request) => {
      const id = await importOf(request, db);
      const { report } = read(wire.end, request.body);
      request.audited = { subject: `import/${id}` };
      await db.write(endImport, { importId: id, report: JSON.stringify(report), now: clock.now() });
      return {};
    },
  );
}

function view(row: ImportRow): object {
  return {
    id: row.import_id,
    source: row.source,
    version: row.source_version,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    report: row.report === null ? null : (JSON.parse(row.report) as object),
  };
}

function progressRoutes(app: FastifyInstance, { db, clock, blobs }: ImportDeps): void {
  app.post(
    `${BASE}/:importId/known`,
    {
      config: { ...config, access: "read" },
      ...unchecked,
      bodyLimit: SMALL_BODY,
      schema: {
        tags: ["imports"],
        summary: "Which of these things are here, and what the source said when they were brought",
        params: described(importId),
        body: described(wire.known),
      },
    },
    async (request) => {
      const id = await importOf(request, db);
      const { kind, ids } = read(wire.known, request.body);
      const { tenant } = request.identity;
      return db.read(async (tx) => {
        const rows = await knownItems(tx, id, kind, ids, { sql: isHere(kind), params: [tenant] });
        return {
          items: rows.map((row) => ({
            id: row.source_id,
            target: row.target_id,
            fingerprint: row.fingerprint,
          })),
        };
      });
    },
  );
  app.post(
    `${BASE}/:importId/done`,
    {
      config,
      ...unchecked,
      bodyLimit: SMALL_BODY,
      schema: {
        tags: ["imports"],
        summary: "Note that something was brought whole, once it is found to be here",
        params: described(importId),
        body: described(wire.done),
      },
    },
    async (request) => {
      const importIdOf = await importOf(request, db);
      const item = read(wire.done, request.body);
      await requireWhole(db, request.identity.tenant, item);
      const begun = await db.read((tx) => findItem(tx, importIdOf, item.kind, item.id));
      await db.write(noteItem, {
        importId: importIdOf,
        kind: item.kind,
        sourceId: item.id,
        targetId: begun?.target_id ?? item.id,
        isOwn: begun === undefined || begun.is_own === 1,
        fingerprint: item.fingerprint,
        now: clock.now(),
      });
      return {};
    },
  );
  app.post(
    `${BASE}/:importId/check`,
    {
      config: { ...config, access: "read" },
      ...unchecked,
      bodyLimit: SMALL_BODY,
      schema: {
        tags: ["imports"],
        summary: "Look whether what was brought is here: a page of it",
        params: described(importId),
        body: described(wire.check),
      },
    },
    async (request) => {
      const id = await importOf(request, db);
      const { kind, after } = read(wire.check, request.body);
      const args = { workspace: request.identity.tenant, importId: id, after };
      return kind === "file" ? checkFiles(db, blobs, args) : checkItems(db, { ...args, kind });
    },
  );
}

/** IMPORT_MISMATCH when less of a run is here than was sent, or as much but not the same. */
async function requireWhole(db: ImportDeps["db"], workspace: string, item: wire.DoneIn): Promise<void> {
  const { facts } = item;
  if (item.kind !== "run" || facts === undefined) return;
  const here = await db.read((tx) => runFacts(tx, workspace, item.id));
  for (const part of ["params", "tags", "points"] as const) {
    if (holds(here[part], facts[part])) continue;
    throw new SlipwayError("IMPORT_MISMATCH", `the run's ${part} here aren't those that were sent`, {
      where: `run ${item.id}`,
      given: `${facts[part].count} sent, ${here[part].count} here`,
    });
  }
}
