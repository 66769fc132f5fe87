import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Access } from "../http/access.ts";
import { addressOf } from "../http/peer.ts";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { AuditLog } from "./audit.ts";
import type { NewAuditEntry } from "./audit-commands.ts";
import type { AuditedChanges, AuditTicket } from "./audited-changes.ts";
import { auditedFields } from "./audited-fields.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What the audit log says beyond the request's own fields, where the handler knows it. */
    audited: { subject?: string; was?: unknown; became?: unknown } | null;
    /** By which its writes carry its row; null where nothing of it is audited. */
    auditTicket: AuditTicket | null;
  }
}

export interface AuditHookDeps {
  audit: AuditLog;
  changes: AuditedChanges;
  clock: Clock;
  ids: Ids;
  logDefect: (error: unknown, where: string) => void;
}

/**
 * What programs write by the thousand is data, not a change: runs, metrics, traces and files say themselves when they
 * were written, by whom and to which run; labels and what is moved in belong to what they are sent to.
 */
const DATA = [
  /^\/(?:ajax-)?api\/[23]\.0\/(?:preview\/)?mlflow\/(?:runs\/(?:create|update|log-|set-tag|delete-tag|outputs)|logged-models|traces|upload-artifact|datasets\/[^/]+\/records)/,
  /^\/(?:ajax-)?api\/2\.0\/mlflow-artifacts\//,
  /^\/v1\/traces$/,
  /^\/api\/slipway\/v1\/services\/[^/]+\/labels$/,
  /^\/api\/slipway\/v1\/imports\/[^/]+\/(?!end$)/,
  /^\/api\/slipway\/v1\/pushes\/(?:look|[^/]+\/(?:pipeline-runs|files))$/,
];
/** What takes data away is a change all the same. */
const REMOVES = /\/delete-traces$/;

const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
/** By their rows of the authorisation table these change nothing, whatever their method. */
const HARMLESS: ReadonlySet<Access> = new Set(["read", "predict"]);
/** Nothing is there, or nothing is offered: of a route that asks for no role, that is no change that was refused. */
const NOTHING: ReadonlySet<number> = new Set([404, 501]);

/**
 * One row for every change that is asked for through any API, allowed or not. It is written with the first thing that
 * the change writes, in one commit, and completed before the answer: whoever was told of a change finds it in the log,
 * and no change is without its row. What wrote nothing, or nothing into the database, has its row before its answer.
 */
export function auditHook(
  app: FastifyInstance,
  { audit, changes, clock, ids, logDefect }: AuditHookDeps,
): void {
  app.decorateRequest("audited", null);
  app.decorateRequest("auditTicket", null);
  app.addHook("preHandler", (request, _reply, done) => {
    // Who signs in on an open route says so later.
    if (!isAudited(request, 0) && request.access !== "open") return done();
    const ticket: AuditTicket = {
      id: ids.hex(),
      at: clock.now(),
      entry: () => (isAudited(request, 0) ? entryOf(request, 0) : null),
      isWritten: false,
    };
    request.auditTicket = ticket;
    changes.run(ticket, done);
  });
  // Without a promise for what isn't audited, which is nearly every request.
  app.addHook("onSend", (request, reply, _payload, done) => {
    const { auditTicket: ticket } = request;
    const isSaid = ticket?.isWritten === true || isAudited(request, reply.statusCode);
    if (ticket !== null) changes.end(ticket);
    if (!isSaid) return done();
    const written = audit
      .finish(entryOf(request, reply.statusCode), ticket)
      .catch((error: unknown) => logDefect(error, `audit of ${request.method} ${request.url}`));
    void written.finally(done);
    return undefined;
  });
  // An answer that a handler sends by itself passes no other hook.
  app.addHook("onResponse", (request, _reply, done) => {
    if (request.auditTicket !== null) changes.end(request.auditTicket);
    done();
  });
}

function entryOf(request: FastifyRequest, status: number): NewAuditEntry {
  const { caller, tenant } = request.identity;
  const { subject, was = null, became = null } = request.audited ?? {};
  return {
    tenant,
    actor: caller.name,
    actorKind: caller.kind,
    tokenId: caller.tokenId,
    action: actionOf(request),
    subject: subject ?? pathOf(request),
    given: fieldsOf(request),
    was,
    became,
    address: addressOf(request),
    status,
  };
}

function isAudited(request: FastifyRequest, status: number): boolean {
  const { method, routeOptions, identity, access } = request;
  if (request.audited !== null) return true;
  if (READING.has(method) || HARMLESS.has(access) || routeOptions.url === undefined) return false;
  if (access === "signed-in" && NOTHING.has(status)) return false;
  // Whoever isn't let in changes nothing, and could fill the disk.
  if (identity === undefined || identity.caller.kind === "nobody") return false;
  const path = pathOf(request);
  return method === "DELETE" || REMOVES.test(path) || !DATA.some((data) => data.test(path));
}

function pathOf(request: FastifyRequest): string {
  return (request.url.split("?", 1)[0] ?? "").slice(0, 300);
}

/** The route as it is registered; of MLflow's RPCs, which share one, the path below its prefix. */
function actionOf(request: FastifyRequest): string {
  const url = request.routeOptions.url ?? "";
  const path = pathOf(request);
  const rpc = /\/mlflow\/(.+)$/.exec(path)?.[1];
  return `${request.method} ${url.endsWith("/mlflow/*") && rpc !== undefined ? `mlflow/${rpc}` : url}`;
}

function fieldsOf(request: FastifyRequest): unknown {
  const { body } = request;
  const isFields = typeof body === "object" && body !== null && !("pipe" in body) && !Buffer.isBuffer(body);
  const params = request.params as Record<string, string> | undefined;
  const inPath = params !== undefined && !("*" in params) ? params : {};
  return auditedFields(isFields && !Array.isArray(body) ? { ...inPath, ...body } : inPath);
}
