import type { PredictionRecord } from "../../serving/outcomes.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { type Label, labelLoss } from "../loss.ts";
import { enqueueLabel } from "../label-cells.ts";
import { isOnTrial, type Rollout, type RolloutState } from "../state.ts";

/** What became of the labels of one call. */
export interface LabelsAnswer {
  accepted: number;
  duplicate: number;
  conflicting: number;
  unknown: number;
  late: number;
}

interface PredictionRow {
  at: number;
  epoch: string;
  share: number;
  arm: "champion" | "challenger";
  direct: number;
  prediction: string | null;
}

interface TrialRow {
  id: string;
  state: RolloutState;
  heldFrom: RolloutState | null;
  request: string;
}

/**
 * Stores labels. The first label of a request stays. States: `waiting` for its prediction, `joined` (counts in its
 * rollout), `stored` (its prediction entered no test), `late` (its rollout had ended), `mismatch` (another number
 * of rows than its prediction), `unknown` (no such prediction within the grace period).
 */
export const acceptLabels = defineCommand(
  "rollout.accept-labels",
  async (tx, args: { service: string; labels: { id: string; label: Label }[]; now: number }) => {
    const answer: LabelsAnswer = { accepted: 0, duplicate: 0, conflicting: 0, unknown: 0, late: 0 };
    for (const { id, label } of args.labels) {
      const text = JSON.stringify(label);
      const known = await tx.get<{ label: string; state: string }>(
        "SELECT label, state FROM rollout_labels WHERE service = ? AND request_id = ?",
        [args.service, id],
      );
      if (known) {
        if (known.label !== text) answer.conflicting++;
        else if (known.state === "unknown") answer.unknown++;
        else answer.duplicate++;
        continue;
      }
      await tx.run(
        "INSERT INTO rollout_labels (service, request_id, label, at, state) VALUES (?, ?, ?, ?, 'waiting')",
        [args.service, id, text, args.now],
      );
      const state = await joinLabel(tx, args.service, id, label);
      if (state === "late") answer.late++;
      else answer.accepted++;
    }
    return answer;
  },
);

/**
 * Adds a page of the prediction log and moves the cursor with it, then joins the labels that waited for them.
 * Refused (false) when the cursor isn't where the page began: the page was added before.
 */
export const ingestPredictions = defineCommand(
  "rollout.ingest-predictions",
  async (
    tx,
    args: { from: string; to: string; records: PredictionRecord[] },
  ): Promise<{ ingested: boolean }> => {
    const environment = await tx.get<{ prediction_cursor: string; prediction_seq: number }>(
      "SELECT prediction_cursor, prediction_seq FROM rollout_environment WHERE id = 1",
    );
    if (environment?.prediction_cursor !== args.from) return { ingested: false };
    let seq = Number(environment.prediction_seq);
    for (const record of args.records) {
      seq++;
      await tx.run(
        `INSERT INTO rollout_predictions (service, request_id, seq, at, epoch, share, arm, direct, prediction)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, request_id) DO NOTHING`,
        [
          record.service,
          record.requestId,
          seq,
          record.at,
          record.epoch,
          record.share,
          record.arm,
          record.direct === true ? 1 : 0,
          record.prediction === undefined ? null : JSON.stringify(record.prediction),
        ],
      );
    }
    await tx.run("UPDATE rollout_environment SET prediction_cursor = ?, prediction_seq = ? WHERE id = 1", [
      args.to,
      seq,
    ]);
    await joinWaiting(tx);
    return { ingested: true };
  },
);

async function joinWaiting(tx: Tx): Promise<void> {
  const waiting = await tx.all<{ service: string; request_id: string; label: string }>(
    `SELECT l.service, l.request_id, l.label FROM rollout_labels l
     JOIN rollout_predictions p ON p.service = l.service AND p.request_id = l.request_id
     WHERE l.state = 'waiting' ORDER BY l.at LIMIT 20000`,
  );
  for (const row of waiting) await joinLabel(tx, row.service, row.request_id, JSON.parse(row.label) as Label);
}

async function joinLabel(tx: Tx, service: string, id: string, label: Label): Promise<string> {
  const prediction = await tx.get<PredictionRow>(
    "SELECT at, epoch, share, arm, direct, prediction FROM rollout_predictions WHERE service = ? AND request_id = ?",
    [service, id],
  );
  if (!prediction) return "waiting";
  const settle = async (state: string): Promise<string> => {
    await tx.run("UPDATE rollout_labels SET state = ? WHERE service = ? AND request_id = ?", [
      state,
      service,
      id,
    ]);
    return state;
  };
  const randomised = prediction.direct === 0 && prediction.share > 0 && prediction.share < 1;
  const epoch = randomised
    ? await tx.get<{ rollout_id: string }>(
        "SELECT rollout_id FROM rollout_epochs WHERE commit_id = ? AND service = ?",
        [prediction.epoch, service],
      )
    : undefined;
  if (!epoch) return settle("stored");
  const rollout = await tx.get<TrialRow>(
    'SELECT id, state, held_from AS "heldFrom", request FROM rollouts WHERE id = ?',
    [epoch.rollout_id],
  );
  if (!rollout || !isOnTrial(rollout)) return settle("late");
  const answered = prediction.prediction === null ? null : (JSON.parse(prediction.prediction) as string[]);
  const loss = labelLoss(answered, label);
  if (loss === undefined) return settle("mismatch");
  await tx.run("UPDATE rollout_environment SET join_seq = join_seq + 1 WHERE id = 1");
  await tx.run(
    `UPDATE rollout_labels SET state = 'joined', rollout_id = ?, share = ?, arm = ?, loss = ?,
       join_seq = (SELECT join_seq FROM rollout_environment WHERE id = 1) WHERE service = ? AND request_id = ?`,
    [rollout.id, prediction.share, prediction.arm, loss, service, id],
  );
  const { policy } = JSON.parse(rollout.request) as Rollout["request"];
  const { at: predictedAt, share, arm } = prediction;
  await enqueueLabel(tx, policy, {
    rolloutId: rollout.id,
    service,
    requestId: id,
    predictedAt: Number(predictedAt),
    share,
    arm,
    loss,
  });
  return "joined";
}

/** What is kept, in milliseconds and rows. */
export interface LabelBounds {
  /** A label waits this long for its prediction. */
  grace: number;
  predictionAge: number;
  predictionRows: number;
  labelAge: number;
}

/** Keeps the tables within their bounds: waiting labels past their grace become unknown, old rows go. */
export const pruneLabels = defineCommand(
  "rollout.prune-labels",
  async (tx, args: LabelBounds & { now: number }) => {
    const { changes: unknown } = await tx.run(
      "UPDATE rollout_labels SET state = 'unknown' WHERE state = 'waiting' AND at < ?",
      [args.now - args.grace],
    );
    await tx.run(
      `DELETE FROM rollout_predictions WHERE at < ? OR seq <= (SELECT prediction_seq FROM rollout_environment) - ?`,
      [args.now - args.predictionAge, args.predictionRows],
    );
    await tx.run("DELETE FROM rollout_labels WHERE at < ?", [args.now - args.labelAge]);
    return { unknown };
  },
);
