import type { Clock } from "../base/clock.ts";
import type { Caller } from "../http/identity.ts";
import { defineCommand, type Database, type ReadTx, type SqlValue } from "../store/database.ts";

/** One change, or one that was refused: who, what, from where, when, and how it ended. */
export interface AuditEntry {
  /** Grows by time; a cursor. */
  id: number;
  /** Milliseconds since the epoch. */
  at: number;
  tenant: string;
  actor: string;
  actorKind: Caller["kind"];
  tokenId: string | null;
  /** Method and route, such as `POST /api/slipway/v1/tenants`; or a word of its own, such as `sign-in`. */
  action: string;
  /** What it was about, such as `tenant/team-a`; the address where nothing better is known. */
  subject: string;
  /** The request's fields, secrets left out and long values cut. */
  given: unknown;
  was: unknown;
  became: unknown;
  address: string | null;
  /** Of the answer, in HTTP's numbers. */
  status: number;
}

export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

const appendAudit = defineCommand(
  "tenancy.append-audit",
  async (tx, entry: NewAuditEntry & { at: number }): Promise<null> => {
    await tx.run(
      `INSERT INTO audit (at, tenant, actor, actor_kind, token_id, action, subject, given, was, became, address, status)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        entry.at,
        entry.tenant,
        entry.actor,
        entry.actorKind,
        entry.tokenId,
        entry.action,
        entry.subject,
        json(entry.given),
        json(entry.was),
        json(entry.became),
        entry.address,
        entry.status,
      ],
    );
    return null;
  },
);

export const auditCommands = [appendAudit];

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

/** The audit log: it only grows, in the database as well. */
export class AuditLog {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Resolves when the entry is durable. */
  async append(entry: NewAuditEntry): Promise<void> {
    await this.#db.write(appendAudit, { ...entry, at: this.#clock.now() });
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

function json(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function parsed(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}
