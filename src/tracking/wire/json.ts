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

/** An answer, or a part of one, that is JSON text already: what the database wrote isn't read to be written again. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object some of whose members may be JSON texts; members that are undefined are left out. */
export function jsonObject(members: Readonly<Record<string, unknown>>): JsonText {
  const written: string[] = [];
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) written.push(`${JSON.stringify(name)}:${toWire(value)}`);
  return new JsonText(`{${written.join(",")}}`);
}

export function jsonList(items: readonly JsonText[]): JsonText {
  return new JsonText(`[${items.map(({ text }) => text).join(",")}]`);
}

/** JSON text of an answer; int64 are JSON numbers with all their digits. A JSON text lies outside of plain objects. */
export function toWire(answer: unknown): string {
  if (answer instanceof JsonText) return answer.text;
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
