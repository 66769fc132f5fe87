import type { LabelMetric } from "../spec/project.ts";
import type { ReadTx } from "../store/database.ts";
import type { Rollout } from "./state.ts";

/** Newest labels that are looked at. */
const MOST_LABELS = 2000;
/** Fewer labels on a side say nothing about its median. */
const FEWEST = 30;
const MUCH_LATER = 2;

interface LabelRow {
  loss: number;
  delay: number;
}

/** What a person should know before trusting the figures, one sentence each. */
export async function notesFor(tx: ReadTx, rollout: Rollout): Promise<string[]> {
  const notes = (rollout.judgement?.metrics ?? []).flatMap(({ metric, blockedBy }) =>
    blockedBy ? [`${metric} can't be decided: ${BLOCKED[blockedBy]}`] : [],
  );
  const { continues, judgement } = rollout;
  const anew = judgement?.beganAnew ?? [];
  if (continues !== null && anew.length > 0)
    notes.push(
      `the rules changed since the earlier trial (${continues}): ${anew.join(", ")} began anew, ` +
        "so what that trial showed of it counts no more",
    );
  const asTheyCome = rollout.request.policy.metrics.filter(
    (metric): metric is LabelMetric => "from" in metric && !metric.within,
  );
  if (asTheyCome.length === 0) return notes;
  const rows = await tx.all<LabelRow>(
    `SELECT loss, COALESCE(known_at, at) - predicted_at AS delay FROM rollout_labels
     WHERE rollout_id = ? AND state = 'joined' AND predicted_at IS NOT NULL ORDER BY join_seq DESC LIMIT ?`,
    [rollout.id, MOST_LABELS],
  );
  return [...notes, ...lateLabels(asTheyCome, rows)];
}

const BLOCKED = {
  "aborts-differ": "callers leave one version's requests more often than the other's",
  "labels-differ": "one version's answers are labelled more often than the other's",
  "champion-unknown": "too little is known of the champion yet",
} as const;

/**
 * Labels that count as they come bend the comparison while those of wrong answers come later than those of right ones:
 * the version with the younger answers looks better than it is.
 */
export function lateLabels(
  metrics: readonly Pick<LabelMetric, "name">[],
  rows: readonly LabelRow[],
): string[] {
  const wrong = rows.filter(({ loss }) => loss >= 0.5).map(({ delay }) => Number(delay));
  const right = rows.filter(({ loss }) => loss < 0.5).map(({ delay }) => Number(delay));
  if (wrong.length < FEWEST || right.length < FEWEST) return [];
  const late = median(wrong);
  const early = median(right);
  // A second more or less is no difference that could bend anything.
  if (Math.abs(late - early) < 1000) return [];
  const isLater = late > MUCH_LATER * early;
  if (!isLater && early <= MUCH_LATER * late) return [];
  const [slow, quick] = isLater ? ["wrong", "right"] : ["right", "wrong"];
  const names = metrics.map(({ name }) => name).join(", ");
  return [
    `labels of ${slow} answers come later (median ${words(Math.max(late, early))}) than those of ${quick} ones ` +
      `(${words(Math.min(late, early))}), which bends ${names}: set \`within\` of the metric to the time by which most labels have come`,
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function words(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 120) return `${Number(seconds.toPrecision(2))} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
