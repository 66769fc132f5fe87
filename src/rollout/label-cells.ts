import type { RolloutMetric, RolloutPolicy } from "../spec/project.ts";
import type { ReadTx, Tx } from "../store/database.ts";
import { together } from "./commands/together.ts";
import type { ArmInterval, Cell } from "./judge.ts";

/** Labels that a look may count, and their names so that it counts them once. */
export interface LabelBatch {
  rolloutId: string;
  /** By metric name; a metric without new labels is left out. Shares come in the order of their first label. */
  cells: Record<string, Cell[]>;
  counted: CountedLabel[];
}

/** One label, for the metrics that wait that long. */
interface CountedLabel {
  service: string;
  requestId: string;
  /** `LabelMetric.within`. */
  within: number;
}

interface DueRow {
  service: string;
  request_id: string;
  share: number;
  arm: "champion" | "challenger";
  loss: number;
}

/** Labels of one look; the next look takes what is left. */
const MOST_PER_LOOK = 20_000;

/**
 * The labels of a rollout that are to be counted at `now` (milliseconds since the epoch): those whose prediction is
 * `within` old, the oldest first. Give `counted` to `markCounted` in the transaction that saves what came of
 * them.
 */
export async function takeLabels(
  tx: ReadTx,
  rollout: { id: string; request: { policy: Pick<RolloutPolicy, "metrics"> } },
  now: number,
): Promise<LabelBatch> {
  const batch: LabelBatch = { rolloutId: rollout.id, cells: {}, counted: [] };
  for (const [within, metrics] of metricsByWithin(rollout.request.policy.metrics)) {
    const due = await tx.all<DueRow>(
      `SELECT service, request_id, share, arm, loss FROM rollout_labels_due
       WHERE rollout_id = ? AND within_ms = ? AND due_at <= ? ORDER BY due_at, request_id LIMIT ?`,
      [rollout.id, within, now, MOST_PER_LOOK - batch.counted.length],
    );
    if (due.length === 0) continue;
    const cells = cellsOf(due);
    for (const metric of metrics) batch.cells[metric] = cells;
    for (const row of due) batch.counted.push({ service: row.service, requestId: row.request_id, within });
  }
  return batch;
}

/** Takes the labels of a batch off what is to be counted. */
export async function markCounted(tx: Tx, batch: Pick<LabelBatch, "rolloutId" | "counted">): Promise<void> {
  await together(batch.counted, ({ service, requestId, within }) =>
    tx.run(
      "DELETE FROM rollout_labels_due WHERE rollout_id = ? AND within_ms = ? AND service = ? AND request_id = ?",
      [batch.rolloutId, within, service, requestId],
    ),
  );
}

/** A joined label that is to be counted, once for each time that one of the policy's metrics waits. */
export async function enqueueLabel(
  tx: Tx,
  policy: Pick<RolloutPolicy, "metrics">,
  label: {
    rolloutId: string;
    service: string;
    requestId: string;
    predictedAt: number;
    share: number;
    arm: "champion" | "challenger";
    loss: number;
  },
): Promise<void> {
  for (const within of metricsByWithin(policy.metrics).keys()) {
    await tx.run(
      `INSERT INTO rollout_labels_due (rollout_id, within_ms, service, request_id, due_at, share, arm, loss)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rollout_id, within_ms, service, request_id) DO NOTHING`,
      [
        label.rolloutId,
        within,
        label.service,
        label.requestId,
        // A label that comes later than this is due at once. With nothing to wait for, no clock is asked either.
        within === 0 ? 0 : label.predictedAt + within,
        label.share,
        label.arm,
        label.loss,
      ],
    );
  }
}

/** Names of the label metrics by how long they wait. Policies stored by earlier versions don't say: at once. */
function metricsByWithin(metrics: readonly RolloutMetric[]): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const metric of metrics) {
    if (!("from" in metric)) continue;
    const within = (metric.within as number | undefined) ?? 0;
    found.set(within, [...(found.get(within) ?? []), metric.name]);
  }
  return found;
}

function cellsOf(due: readonly DueRow[]): Cell[] {
  const cells = new Map<number, Cell>();
  for (const { share, arm: name, loss } of due) {
    let cell = cells.get(share);
    if (!cell) {
      cell = { share, champion: emptyArm(), challenger: emptyArm() };
      cells.set(share, cell);
    }
    const arm = cell[name];
    arm.ended += 1;
    arm.loss += loss;
  }
  return [...cells.values()];
}

function emptyArm(): ArmInterval {
  return { ended: 0, loss: 0, pending: 0, aborted: 0 };
}
