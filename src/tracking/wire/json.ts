/** The largest double, by which MLflow stands in for infinity. */
const LARGEST = 1.7976931348623157e308;

/** How a metric's value is kept: NaN as 0 with a flag, infinities as the largest doubles. */
export function storedDouble(value: number): { value: number; isNan: 0 | 1 } {
  if (Number.isNaN(value)) return { value: 0, isNan: 1 };
  if (value === Number.POSITIVE_INFINITY) return { value: LARGEST, isNan: 0 };
  if (value === Number.NEGATIVE_INFINITY) return { value: -LARGEST, isNan: 0 };
  return { value, isNan: 0 };
}

/** A kept metric value in proto JSON, where NaN is a string. */
export function wireDouble(value: number, isNan: number): number | "NaN" {
  return isNan === 0 ? value : "NaN";
}

/** Stands before the digits of an integer beyond 2^53 until its quotes are taken away; no text of ours holds NUL. */
const INT64 = "\u0000int64:";

/** JSON text of an answer; int64 are JSON numbers with all their digits. */
export function toWire(answer: unknown): string {
  try {
    // A function that is asked about every value would make this several times slower, for a number that is rare.
    return JSON.stringify(answer);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const text = JSON.stringify(answer, (_, value: unknown) =>
    typeof value === "bigint" ? `${INT64}${value}` : value,
  );
  return text.replace(/"\\u0000int64:(-?\d+)"/g, "$1");
}
