import type { Caller } from "../http/identity.ts";
import { defineCommand, type SqlValue, type Tx } from "../store/database.ts";

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
  /** Of the answer, in HTTP's numbers; 0: something was written, and no answer was given (yet, or ever). */
  status: number;
}

export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

/** With the ticket of its request, by which the row is found again; null: of none. */
type Row = NewAuditEntry & { at: number; ticket: string | null };

/** The row of a request that has written something and isn't answered; once, however often it is asked for. */
export const openAudit = defineCommand("tenancy.open-audit", async (tx, row: Row): Promise<null> => {
  await insert(tx, { ...row, status: 0 }, "ON CONFLICT (ticket) WHERE status = 0 DO NOTHING");
  return null;
});

/** How a request ended: completes its open row, or is the row of a request that wrote nothing. */
export const finishAudit = defineCommand("tenancy.finish-audit", async (tx, row: Row): Promise<null> => {
  if (row.ticket !== null) {
    const { changes } = await tx.run(
      "UPDATE audit SET subject = ?, was = ?, became = ?, status = ? WHERE ticket = ? AND status = 0",
      [row.subject, json(row.was), json(row.became), row.status, row.ticket],
    );
    if (changes > 0) return null;
  }
  await insert(tx, row, "");
  return null;
});

interface PruneArgs {
  /** Rows older than that go: milliseconds since the epoch. */
  before: number;
  /** At most so many in one command: bounds how long other writes wait. */
  limit: number;
}

/** Deletes the oldest rows that are kept no longer; how many. */
export const pruneAudit = defineCommand(
  "tenancy.prune-audit",
  async (tx, { before, limit }: PruneArgs): Promise<number> => {
    // The table refuses to lose what is younger than that.
    await tx.run("UPDATE audit_horizon SET kept_from = ? WHERE kept_from < ?", [before, before]);
    const { changes } = await tx.run(
      "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)",
      [before, limit],
    );
    return changes;
  },
);

export const auditCommands = [openAudit, finishAudit, pruneAudit];

async function insert(tx: Tx, row: Row, onConflict: string): Promise<void> {
  const values: SqlValue[] = [
    row.at,
    row.tenant,
    row.actor,
    row.actorKind,
    row.tokenId,
    row.action,
    row.subject,
    json(row.given),
    json(row.was),
    json(row.became),
    row.address,
    row.status,
    row.ticket,
  ];
  await tx.run(
    `INSERT INTO audit (at, tenant, actor, actor_kind, token_id, action, subject, given, was, became, address, status,
       ticket) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ${onConflict}`,
    values,
  );
}

function json(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
