import { SlipwayError } from "../../http/errors.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { webhookRow } from "./queries.ts";

/** Of one workspace: each event is written once for every webhook that wants it. */
const MAX_WEBHOOKS = 1000;

interface WebhookFields {
  name: string;
  url: string;
  events: readonly string[];
  description: string | null;
  /** Encrypted. */
  secret: string | null;
  status: string;
}

export const createWebhook = defineCommand(
  "webhooks.create",
  async (tx, args: WebhookFields & { workspace: string; id: string; now: number }): Promise<void> => {
    const { workspace, id, now } = args;
    const known = await tx.get<{ n: number }>("SELECT COUNT(*) AS n FROM webhooks WHERE workspace = ?", [
      workspace,
    ]);
    if (Number(known?.n ?? 0) >= MAX_WEBHOOKS) {
      throw new SlipwayError(
        "MLFLOW_RESOURCE_CONFLICT",
        `A workspace can't have more than ${MAX_WEBHOOKS} webhooks.`,
      );
    }
    await tx.run(
      `INSERT INTO webhooks (webhook_id, workspace, name, url, description, secret, status,
         creation_timestamp, last_updated_timestamp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [id, workspace, args.name, args.url, args.description, args.secret, args.status, now, now],
    );
    await subscribe(tx, workspace, id, args.events);
  },
);

/** Absent fields stay as they are. */
type Changes = Partial<WebhookFields>;

export const updateWebhook = defineCommand(
  "webhooks.update",
  async (tx, args: { workspace: string; id: string; changes: Changes; now: number }): Promise<void> => {
    const { workspace, id, changes, now } = args;
    const row = await webhookRow(tx, workspace, id);
    await tx.run(
      `UPDATE webhooks SET name = ?, url = ?, description = ?, secret = ?, status = ?, last_updated_timestamp = ?
       WHERE webhook_id = ?`,
      [
        changes.name ?? row.name,
        changes.url ?? row.url,
        changes.description === undefined ? row.description : changes.description,
        changes.secret === undefined ? row.secret : changes.secret,
        changes.status ?? row.status,
        now,
        id,
      ],
    );
    if (changes.events) {
      await tx.run("DELETE FROM webhook_events WHERE webhook_id = ?", [id]);
      await subscribe(tx, workspace, id, changes.events);
    }
  },
);

/** With what waits to be sent. */
export const deleteWebhook = defineCommand(
  "webhooks.delete",
  async (tx, { workspace, id }: { workspace: string; id: string }): Promise<void> => {
    await webhookRow(tx, workspace, id);
    for (const table of ["webhook_deliveries", "webhook_events", "webhooks"]) {
      await tx.run(`DELETE FROM ${table} WHERE webhook_id = ?`, [id]);
    }
  },
);

interface ClaimArgs {
  ids: readonly number[];
  now: number;
  /** Until then nobody else sends them; after it, whoever claimed them is taken for dead. */
  until: number;
}

/** Those of the deliveries that nobody else has claimed meanwhile; each counts one attempt more. */
export const claimDeliveries = defineCommand(
  "webhooks.claim-deliveries",
  async (tx, { ids, now, until }: ClaimArgs): Promise<number[]> => {
    const claimed: number[] = [];
    for (const id of ids) {
      const { changes } = await tx.run(
        "UPDATE webhook_deliveries SET due_time = ?, attempts = attempts + 1 WHERE id = ? AND due_time <= ?",
        [until, id, now],
      );
      if (changes > 0) claimed.push(id);
    }
    return claimed;
  },
);

interface SettleArgs {
  id: number;
  /** Null when it is over, taken or given up. */
  retry: { at: number; attempts: number } | null;
}

/** After an attempt. */
export const settleDelivery = defineCommand(
  "webhooks.settle-delivery",
  async (tx, { id, retry }: SettleArgs): Promise<void> => {
    if (!retry) await tx.run("DELETE FROM webhook_deliveries WHERE id = ?", [id]);
    else
      await tx.run("UPDATE webhook_deliveries SET due_time = ?, attempts = ? WHERE id = ?", [
        retry.at,
        retry.attempts,
        id,
      ]);
  },
);

export const webhookCommands = [createWebhook, updateWebhook, deleteWebhook, claimDeliveries, settleDelivery];

async function subscribe(tx: Tx, workspace: string, id: string, events: readonly string[]): Promise<void> {
  for (const event of events) {
    await tx.run("INSERT INTO webhook_events (workspace, event, webhook_id) VALUES (?, ?, ?)", [
      workspace,
      event,
      id,
    ]);
  }
}
