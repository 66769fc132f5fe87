/** The true answer of one row. */
type LabelValue = string | number | boolean;
/** Of a request with one row, or of each row in order. */
export type Label = LabelValue | LabelValue[];

/**
 * Loss of one answered request: the share of its rows whose prediction isn't the label. A request is one unit,
 * however many rows it has, because the request was what was assigned to a variant; a loss in [0, 1] is what
 * the test needs. A request that was answered with an error has loss 1: leaving it out would leave the arms in
 * another proportion than they were assigned in. Undefined when the label has another number of rows.
 */
export function labelLoss(prediction: readonly (string | number)[] | null, label: Label): number | undefined {
  if (prediction === null) return 1;
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
