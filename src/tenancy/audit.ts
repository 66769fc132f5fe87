import type { Clock } from "../base/clock.ts";
import type { Caller } from "../http/identity.ts";
import type { Database, ReadTx, SqlValue } from "../store/database.ts";
import { finishAudit, type AuditEntry, type NewAuditEntry } from "./audit-commands.ts";
import type { AuditTicket } from "./audited-changes.ts";

/** What to look for; all that is named must hold. */
export interface AuditQuery {
  tenant?: string | undefined;
  actor?: string | undefined;
  /** An action that begins so. */
  action?: string | undefined;
  subject?: string | undefined;
  /** Not before, and before, in milliseconds since the epoch. */
  since?: number | undefined;
  until?: number | undefined;
  /** Only entries older than this one. */
  before?: number | undefined;
  limit: number;
}

interface Row {
  id: number;
  at: number;
  tenant: string;
  actor: string;
  actor_kind: Caller["kind"];
  token_id: string | null;
  action: string;
  subject: string;
  given: string | null;
  was: string | null;
  became: string | null;
  address: string | null;
  status: number;
}

/** The audit log: it only grows, in the database as well, until rows are older than they are kept. */
export class AuditLog {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** How a request ended. Resolves when it is durable. */
  async finish(entry: NewAuditEntry, ticket: AuditTicket | null): Promise<void> {
    const { id, at } = ticket ?? { id: null, at: this.#clock.now() };
    await this.#db.write(finishAudit, { ...entry, at, ticket: id });
  }

  /** Newest first. */
  async search(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#db.read((tx) => selectAudit(tx, query));
  }
}

async function selectAudit(tx: ReadTx, query: AuditQuery): Promise<AuditEntry[]> {
  const conditions: string[] = [];
  const params: SqlValue[] = [];
  const add = (sql: string, value: SqlValue | undefined): void => {
    if (value === undefined) return;
    conditions.push(sql);
    params.push(value);
  };
  add("tenant = ?", query.tenant);
  add("actor = ?", query.actor);
  add("subject = ?", query.subject);
  if (query.action !== undefined) {
    add("action >= ?", query.action);
    add("action < ?", `${query.action}\u{10ffff}`);
  }
  add("at >= ?", query.since);
  add("at < ?", query.until);
  add("id < ?", query.before);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const rows = await tx.all<Row>(
    `SELECT id, at, tenant, actor, actor_kind, token_id, action, subject, given, was, became, address, status
     FROM audit ${where} ORDER BY id DESC LIMIT ?`,
    [...params, query.limit],
  );
  return rows.map((row) => ({
    id: row.id,
    at: row.at,
    tenant: row.tenant,
    actor: row.actor,
    actorKind: row.actor_kind,
    tokenId: row.token_id,
    action: row.action,
    subject: row.subject,
    given: parsed(row.given),
    was: parsed(row.was),
    became: parsed(row.became),
    address: row.address,
    status: row.status,
  }));
}

function parsed(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}
