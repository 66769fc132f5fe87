import type { ReadTx } from "../store/database.ts";
import { lossOf, type Label, type Truth } from "./loss.ts";

/** Labels of this time are counted. */
const WINDOW_MS = 3_600_000;
const MOST_COUNTED = 20_000;
const SAMPLE = 500;
/** Fewer labels of the champion's than this tell no loss. */
const LEAST_SAMPLE = 20;

interface SampleRow {
  label: string;
  prediction: string | null;
  failed: number | null;
}

/** How many labels a second a service gets, and the champion's mean loss in the newest; undefined when too few came. */
export async function labelTraffic(
  tx: ReadTx,
  service: string,
  now: number,
): Promise<{ perSecond: number; loss: number } | undefined> {
  const recent = "service = ? AND state IN ('joined', 'stored', 'late') AND at > ?";
  const counted = await tx.get<{ count: number; oldest: number | null }>(
    `SELECT COUNT(*) AS count, MIN(at) AS oldest
     FROM (SELECT at FROM rollout_labels WHERE ${recent} ORDER BY at DESC LIMIT ${MOST_COUNTED}) AS newest`,
    [service, now - WINDOW_MS],
  );
  const count = Number(counted?.count ?? 0);
  if (count < LEAST_SAMPLE) return undefined;
  const sample = await tx.all<SampleRow>(
    `SELECT l.label, p.prediction, p.failed FROM rollout_labels AS l
     JOIN rollout_predictions AS p ON p.service = l.service AND p.request_id = l.request_id
     WHERE l.service = ? AND l.state IN ('joined', 'stored', 'late') AND l.at > ? AND p.arm = 'champion'
     ORDER BY l.at DESC LIMIT ${SAMPLE}`,
    [service, now - WINDOW_MS],
  );
  const losses = sample.flatMap((row) => lossOfRow(row) ?? []);
  if (losses.length < LEAST_SAMPLE) return undefined;
  const seconds = Math.max(1, (now - Number(counted?.oldest ?? now)) / 1000);
  return { perSecond: count / seconds, loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
}

function lossOfRow({ label, prediction, failed }: SampleRow): number | undefined {
  const value = JSON.parse(label) as Label | { loss: number };
  const truth: Truth = typeof value === "object" && "loss" in value ? value : { label: value };
  const answered = {
    failed: failed === null ? prediction === null : Number(failed) === 1,
    prediction: prediction === null ? null : (JSON.parse(prediction) as (string | number)[]),
  };
  return lossOf(answered, truth);
}
