/** The true answer of one row. */
type LabelValue = string | number | boolean;
/** Of a request with one row, or of each row in order. */
export type Label = LabelValue | LabelValue[];

/** What the truth was, or what the caller made of it: a loss in [0, 1], for regression or costs. */
export type Truth = { label: Label } | { loss: number };

/** What a variant made of one request. */
export interface Answered {
  failed: boolean;
  /** Class or value per row, as the prediction log keeps it; null when there is none. */
  prediction: readonly (string | number)[] | null;
}

/**
 * Loss of one request in [0, 1]. A request that failed has loss 1, whatever its truth: leaving it out would leave the
 * arms in another proportion than they were assigned in. Undefined when the label can't be compared with the
 * prediction: another number of rows, or a prediction that the log couldn't keep (a given loss needs none).
 */
export function lossOf(answered: Answered, truth: Truth): number | undefined {
  if (answered.failed) return 1;
  if ("loss" in truth) return truth.loss;
  return answered.prediction === null ? undefined : labelLoss(answered.prediction, truth.label);
}

/**
 * The share of an answered request's rows whose prediction isn't the label. A request is one unit, however many rows
 * it has, because the request was what was assigned to a variant. Undefined when the label has another number of rows.
 */
export function labelLoss(prediction: readonly (string | number)[], label: Label): number | undefined {
  const rows = Array.isArray(label) ? label : [label];
  // The prediction log keeps the first 64 rows; a longer label is compared as far as the log goes.
  const cut = prediction.length === LOGGED_ROWS && rows.length > LOGGED_ROWS;
  if (prediction.length === 0 || (rows.length !== prediction.length && !cut)) return undefined;
  const wrong = prediction.filter((value, row) => !isSame(value, rows[row])).length;
  return wrong / prediction.length;
}

const LOGGED_ROWS = 64;

/** 1, "1" and true are the same class: classes are written as a number by some clients and as text by others. */
function isSame(prediction: string | number, label: LabelValue | undefined): boolean {
  if (typeof label === "boolean")
    return isSame(prediction, label ? 1 : 0) || String(prediction) === String(label);
  return String(prediction) === String(label);
}
