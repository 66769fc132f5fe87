import type { PredictionRecord } from "../../serving/outcomes.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { type Answered, type Label, lossOf, type Truth } from "../loss.ts";
import { enqueueLabel } from "../label-cells.ts";
import { isTooEarly } from "../label-findings.ts";
import { together } from "./together.ts";
import { isOnTrial, type Rollout, type RolloutState } from "../state.ts";

/** What became of the labels of one call. */
export interface LabelsAnswer {
  accepted: number;
  duplicate: number;
  conflicting: number;
  unknown: number;
  late: number;
  /** Can't be compared with their prediction: another number of rows, say. */
  mismatch: number;
}

/** One truth, checked. */
export interface AcceptedLabel {
  id: string;
  truth: Truth;
  /** When it became known, in milliseconds since the epoch; null: now. */
  at: number | null;
}

interface PredictionRow {
  at: number;
  epoch: string;
  share: number;
  arm: "champion" | "challenger";
  direct: number;
  /** Null in rows of earlier versions: then it failed when it has no prediction. */
  failed: number | null;
  prediction: string | null;
}

interface TrialRow {
  id: string;
  /** Per cent of requests that were copied when the prediction was made; null: it was a challenger's own answer. */
  shadow: number | null;
  state: RolloutState;
  heldFrom: RolloutState | null;
  request: string;
}

/**
 * Stores labels. The first label of a request stays, unless it couldn't be compared. States: `waiting` for its
 * prediction, `joined` (counts in its rollout), `stored` (its prediction entered no test), `late` (its rollout had
 * ended), `mismatch` (can't be compared with its prediction), `unknown` (no such prediction within the grace period).
 */
export const acceptLabels = defineCommand(
  "rollout.accept-labels",
  async (tx, args: { service: string; labels: AcceptedLabel[]; now: number }) => {
    const answer: LabelsAnswer = {
      accepted: 0,
      duplicate: 0,
      conflicting: 0,
      unknown: 0,
      late: 0,
      mismatch: 0,
    };
    const accept = async (label: AcceptedLabel): Promise<void> => {
      answer[await acceptLabel(tx, args.service, label, args.now)]++;
    };
    const firsts = new Map(args.labels.toReversed().map((label) => [label.id, label]));
    await together([...firsts.values()].toReversed(), accept);
    // What is told of one request again finds what was told first.
    for (const label of args.labels) if (firsts.get(label.id) !== label) await accept(label);
    return answer;
  },
);

async function acceptLabel(
  tx: Tx,
  service: string,
  { id, truth, at }: AcceptedLabel,
  now: number,
): Promise<keyof LabelsAnswer> {
  const text = storedTruth(truth);
  const known = await tx.get<{ label: string; state: string }>(
    "SELECT label, state FROM rollout_labels WHERE service = ? AND request_id = ?",
    [service, id],
  );
  if (known && (known.label === text || known.state !== "mismatch")) {
    if (known.label !== text) return "conflicting";
    return known.state === "unknown" || known.state === "mismatch" ? known.state : "duplicate";
  }
  await tx.run(
    `INSERT INTO rollout_labels (service, request_id, label, at, known_at, state) VALUES (?, ?, ?, ?, ?, 'waiting')
     ON CONFLICT (service, request_id)
     DO UPDATE SET label = excluded.label, at = excluded.at, known_at = excluded.known_at, state = 'waiting'`,
    [service, id, text, now, at ?? now],
  );
  const state = await joinLabel(tx, service, { id, truth, at });
  return state === "late" || state === "mismatch" ? state : "accepted";
}

/** A loss is stored as an object, which no label is. */
function storedTruth(truth: Truth): string {
  return JSON.stringify("loss" in truth ? truth : truth.label);
}

function parsedTruth(text: string): Truth {
  const value = JSON.parse(text) as Label | { loss: number };
  return typeof value === "object" && "loss" in value ? value : { label: value };
}

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
    await together(args.records, (record) => addPrediction(tx, record, ++seq));
    await tx.run("UPDATE rollout_environment SET prediction_cursor = ?, prediction_seq = ? WHERE id = 1", [
      args.to,
      seq,
    ]);
    await joinWaiting(tx, args.records);
    return { ingested: true };
  },
);

/** Of a request that was copied to a shadowed challenger, a coin has chosen whose outcome counts: its arm. */
async function addPrediction(tx: Tx, record: PredictionRecord, seq: number): Promise<void> {
  const { shadow } = record;
  const { status, prediction } = shadow && record.arm === "challenger" ? shadow : record;
  await tx.run(
    `INSERT INTO rollout_predictions
       (service, request_id, seq, at, epoch, share, arm, direct, failed, prediction)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, request_id) DO NOTHING`,
    [
      record.service,
      record.requestId,
      seq,
      record.at,
      record.epoch,
      record.share,
      record.arm,
      record.direct === true ? 1 : 0,
      // What the champion answered instead was the challenger's failure.
      status >= 400 || record.fallback !== undefined ? 1 : 0,
      prediction === undefined ? null : JSON.stringify(prediction),
    ],
  );
}

/**
 * Labels that came before their predictions. Looked up by the predictions that are new, which are few: of the waiting
 * labels there may be as many as anybody cares to send.
 */
function joinWaiting(tx: Tx, records: readonly PredictionRecord[]): Promise<void> {
  const unique = new Map(records.map((record) => [`${record.service} ${record.requestId}`, record]));
  return together([...unique.values()], async ({ service, requestId: id }) => {
    const waiting = await tx.get<{ label: string; known_at: number | null }>(
      `SELECT label, known_at FROM rollout_labels WHERE service = ? AND request_id = ? AND state = 'waiting'`,
      [service, id],
    );
    if (!waiting) return;
    const at = waiting.known_at === null ? null : Number(waiting.known_at);
    await joinLabel(tx, service, { id, truth: parsedTruth(waiting.label), at });
  });
}

/** Of an answer that is more wrong than right. */
const BAD_LOSS = 0.5;

/** Finds a label's prediction and the rollout that it counts in; answers the label's new state. */
async function joinLabel(tx: Tx, service: string, label: AcceptedLabel): Promise<string> {
  const prediction = await tx.get<PredictionRow>(
    `SELECT at, epoch, share, arm, direct, failed, prediction FROM rollout_predictions
     WHERE service = ? AND request_id = ?`,
    [service, label.id],
  );
  if (!prediction) return "waiting";
  const settle = async (state: string): Promise<string> => {
    await tx.run(
      "UPDATE rollout_labels SET state = ?, predicted_at = ? WHERE service = ? AND request_id = ?",
      [state, prediction.at, service, label.id],
    );
    return state;
  };
  const rollout = await trialOf(tx, service, prediction);
  const answered = answeredBy(prediction);
  const loss = lossOf(answered, label.truth);
  // No truth of what was answered, wherever it would count: the right one must still be taken.
  if (loss === undefined && (answered.prediction ?? []).length > 0) return settle("mismatch");
  if (!rollout) return settle("stored");
  if (!isOnTrial(rollout)) return settle("late");
  if (loss === undefined || isTooEarly(label.at, Number(prediction.at))) return settle("mismatch");
  const isGiven = prediction.arm === "challenger" && rollout.shadow === null && !answered.failed;
  const isBad = isGiven && loss >= BAD_LOSS;
  // Sent at once: another label's number mustn't come between.
  const counted = tx.run("UPDATE rollout_environment SET join_seq = join_seq + 1 WHERE id = 1");
  const joined = tx.run(
    `UPDATE rollout_labels SET state = 'joined', rollout_id = ?, share = ?, arm = ?, loss = ?, predicted_at = ?, is_bad = ?,
       join_seq = (SELECT join_seq FROM rollout_environment WHERE id = 1) WHERE service = ? AND request_id = ?`,
    [rollout.id, prediction.share, prediction.arm, loss, prediction.at, isBad ? 1 : 0, service, label.id],
  );
  await Promise.all([counted, joined]);
  const { policy } = JSON.parse(rollout.request) as Rollout["request"];
  await enqueueLabel(tx, policy, {
    rolloutId: rollout.id,
    service,
    requestId: label.id,
    predictedAt: Number(prediction.at),
    share: prediction.share,
    arm: prediction.arm,
    loss,
  });
  return "joined";
}

/** The rollout under whose commit a prediction was drawn; undefined for one that was not drawn at random. */
async function trialOf(tx: Tx, service: string, prediction: PredictionRow): Promise<TrialRow | undefined> {
  if (prediction.direct !== 0 || prediction.share <= 0 || prediction.share >= 1) return undefined;
  return tx.get<TrialRow>(
    `SELECT r.id, r.state, r.held_from AS "heldFrom", r.request, e.shadow FROM rollout_epochs e
     JOIN rollouts r ON r.id = e.rollout_id WHERE e.commit_id = ? AND e.service = ?`,
    [prediction.epoch, service],
  );
}

function answeredBy(row: PredictionRow): Answered {
  const prediction = row.prediction === null ? null : (JSON.parse(row.prediction) as (string | number)[]);
  return { failed: row.failed === null ? prediction === null : row.failed === 1, prediction };
}

/** What is kept, in milliseconds and rows. */
export interface LabelBounds {
  /** A label waits this long for its prediction. */
  grace: number;
  predictionAge: number;
  predictionRows: number;
  /** At least as long as predictions are kept: a label that is forgotten earlier counts once more when it is sent again. */
  labelAge: number;
  /** Of each state; the oldest go first. */
  labelRows: number;
}

const LABEL_STATES = ["waiting", "joined", "stored", "late", "mismatch", "unknown"];

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
    // State by state, as the index has them: without it every label would be looked at each time.
    for (const state of LABEL_STATES) {
      const excess = await tx.get<{ at: number }>(
        "SELECT at FROM rollout_labels WHERE state = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
        [state, args.labelRows],
      );
      const oldest = Math.max(args.now - args.labelAge, excess ? Number(excess.at) + 1 : 0);
      await tx.run("DELETE FROM rollout_labels WHERE state = ? AND at < ?", [state, oldest]);
    }
    await tx.run(
      "DELETE FROM rollout_labels_due WHERE rollout_id IN (SELECT id FROM rollouts WHERE ended_at IS NOT NULL)",
    );
    return { unknown };
  },
);
