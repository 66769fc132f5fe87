import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { pageBy } from "../../tracking/search/paging.ts";
import { joinSql } from "../../tracking/search/sql.ts";
import { missing } from "../../tracking/wire/errors.ts";
import { eventMessage } from "./events.ts";

export interface WebhookRow {
  webhook_id: string;
  name: string;
  url: string;
  description: string | null;
  /** Encrypted. */
  secret: string | null;
  status: "ACTIVE" | "DISABLED";
  creation_timestamp: number;
  last_updated_timestamp: number;
}

const COLUMNS = `webhook_id, name, url, description, secret, status, creation_timestamp, last_updated_timestamp`;

/** RESOURCE_DOES_NOT_EXIST also for a webhook of another workspace. */
export async function webhookRow(tx: ReadTx, workspace: string, id: string): Promise<WebhookRow> {
  const row = await tx.get<WebhookRow>(
    `SELECT ${COLUMNS} FROM webhooks WHERE webhook_id = ? AND workspace = ?`,
    [id, workspace],
  );
  if (!row) throw missing(`Webhook with ID ${id} not found.`);
  return row;
}

export async function webhookEvents(tx: ReadTx, id: string): Promise<string[]> {
  const rows = await tx.all<{ event: string }>(
    "SELECT event FROM webhook_events WHERE webhook_id = ? ORDER BY event",
    [id],
  );
  return rows.map(({ event }) => event);
}

/** MLflow's Webhook messages; the secret is in none. */
export async function webhookMessages(tx: ReadTx, rows: readonly WebhookRow[]): Promise<object[]> {
  if (rows.length === 0) return [];
  const events = await tx.all<{ webhook_id: string; event: string }>(
    `SELECT webhook_id, event FROM webhook_events WHERE webhook_id IN (${rows.map(() => "?").join(", ")}) ORDER BY event`,
    rows.map((row) => row.webhook_id),
  );
  const eventsOf = groupBy(events, (row) => row.webhook_id);
  return rows.map((row) => ({
    webhook_id: row.webhook_id,
    name: row.name,
    url: row.url,
    events: (eventsOf.get(row.webhook_id) ?? []).map(({ event }) => eventMessage(event)),
    ...(row.description === null ? {} : { description: row.description }),
    status: row.status,
    creation_timestamp: row.creation_timestamp,
    last_updated_timestamp: row.last_updated_timestamp,
  }));
}

/** A page of a workspace's webhooks, newest first. */
export async function listWebhooks(
  tx: ReadTx,
  list: { workspace: string; limit: number; pageToken: string | undefined },
): Promise<object> {
  const terms = [
    { sql: "creation_timestamp", params: [], descending: true },
    { sql: "webhook_id", params: [], descending: false },
  ];
  const page = pageBy(terms, list.pageToken);
  const where = joinSql(
    [{ sql: "workspace = ?", params: [list.workspace] }, ...(page.after ? [page.after] : [])],
    " AND ",
  );
  const rows = await tx.all<WebhookRow & Record<string, unknown>>(
    `SELECT ${COLUMNS}, ${page.columns.sql} FROM webhooks WHERE ${where.sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...where.params, list.limit + 1],
  );
  const kept = rows.slice(0, list.limit);
  const last = kept.at(-1);
  return {
    webhooks: await webhookMessages(tx, kept),
    ...(rows.length > list.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

/** What the dispatcher needs to send one delivery. */
export interface DueDelivery {
  id: number;
  webhook_id: string;
  event: string;
  payload: string;
  /** Attempts before this one. */
  attempts: number;
  url: string;
  secret: string | null;
}

/** For each webhook that isn't busy the oldest delivery that is due, those that wait longest first. */
export function dueDeliveries(
  tx: ReadTx,
  { now, busy, limit }: { now: number; busy: readonly string[]; limit: number },
): Promise<DueDelivery[]> {
  const notBusy = busy.length === 0 ? "" : `AND webhook_id NOT IN (${busy.map(() => "?").join(", ")})`;
  return tx.all<DueDelivery>(
    `SELECT d.id, d.webhook_id, d.event, d.payload, d.attempts, w.url, w.secret
     FROM (SELECT MIN(id) AS id FROM webhook_deliveries WHERE due_time <= ? ${notBusy}
           GROUP BY webhook_id) AS first
     JOIN webhook_deliveries d ON d.id = first.id JOIN webhooks w ON w.webhook_id = d.webhook_id
     ORDER BY d.due_time, d.id LIMIT ?`,
    [now, ...busy, limit],
  );
}

/** When the next delivery is due, in milliseconds since the epoch; undefined: none waits. */
export async function nextDue(tx: ReadTx, busy: readonly string[]): Promise<number | undefined> {
  const notBusy = busy.length === 0 ? "" : `WHERE webhook_id NOT IN (${busy.map(() => "?").join(", ")})`;
  const row = await tx.get<{ due: number | null }>(
    `SELECT MIN(due_time) AS due FROM webhook_deliveries ${notBusy}`,
    busy,
  );
  return row?.due ?? undefined;
}
