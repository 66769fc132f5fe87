import type { Tx } from "../../store/database.ts";
import type { WebhookEvent } from "./events.ts";

/** Deliveries that wait for one webhook; over it new ones are dropped: its receiver has been away for long. */
const MAX_WAITING = 10_000;

export interface Emission {
  workspace: string;
  event: WebhookEvent;
  /** The event's data, see EXAMPLES in events.ts. */
  data: object;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * Writes one delivery for each active webhook of the workspace that wants the event, in the transaction of what
 * happened: both are there, or neither. The dispatcher sends them.
 */
export async function emitWebhook(tx: Tx, emission: Emission): Promise<void> {
  const { workspace, event, now } = emission;
  await tx.run(
    `INSERT INTO webhook_deliveries (webhook_id, event, payload, created_time, due_time, attempts)
     SELECT w.webhook_id, e.event, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0
     FROM webhook_events e JOIN webhooks w ON w.webhook_id = e.webhook_id
     WHERE e.workspace = ? AND e.event = ? AND w.status = 'ACTIVE'
       AND (SELECT COUNT(*) FROM webhook_deliveries d WHERE d.webhook_id = w.webhook_id) < ${MAX_WAITING}
     ORDER BY w.webhook_id`,
    [payloadOf(emission), now, now, workspace, event],
  );
}

/** The JSON text that a receiver gets. */
export function payloadOf({ workspace, event, data, now }: Emission): string {
  const [entity, action] = event.split(".");
  return JSON.stringify({
    entity,
    action,
    // As Python writes a time in UTC.
    timestamp: new Date(now).toISOString().replace("Z", "000+00:00"),
    data,
    // MLflow names the workspace where workspaces are in use.
    ...(workspace === "default" ? {} : { workspace }),
  });
}
