import { elements } from "./tensor.ts";
import type { Tensor } from "./tensor.ts";

const MAX_ROWS = 64;
const MAX_BYTES = 256;

/**
 * The predicted class or value of each row, as a JSON array for the prediction log. The first output of integers or
 * strings with one value per row is the class; else the largest of a row of scores names it; else the one
 * value per row. "" when there is none, or more than 64 rows or 256 bytes of them.
 */
export function summarise(outputs: readonly Tensor[]): string {
  const tensor = predicted(outputs);
  const rows = tensor?.shape[0] ?? 0;
  if (tensor === undefined || rows === 0 || rows > MAX_ROWS) return "";
  const columns = elements(tensor.shape) / rows;
  let text = "[";
  for (let row = 0; row < rows; row++) {
    const value = columns === 1 ? valueOf(tensor, row) : largest(tensor, row * columns, columns);
    text += row === 0 ? value : `,${value}`;
  }
  text += "]";
  // Two UTF-16 units never make more than four bytes, so short texts needn't be counted.
  return text.length * 3 <= MAX_BYTES || Buffer.byteLength(text) <= MAX_BYTES ? text : "";
}

function predicted(outputs: readonly Tensor[]): Tensor | undefined {
  let scores: Tensor | undefined;
  let values: Tensor | undefined;
  for (const tensor of outputs) {
    const { shape } = tensor;
    const isColumn = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
    if (tensor.datatype.family !== "float") {
      if (isColumn) return tensor;
    } else if (isColumn) values ??= tensor;
    else if (shape.length === 2) scores ??= tensor;
  }
  return scores ?? values;
}

/** As JSON; NaN and infinity, which it doesn't know, as strings. */
function valueOf({ datatype, data, start }: Tensor, index: number): string {
  const value = datatype.plain(data, start + index);
  if (typeof value === "string") return JSON.stringify(value);
  // Seven digits are what a 32-bit float carries.
  if (datatype.family === "float")
    return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : `"${value}"`;
  return String(value);
}

/** Index of the first largest among the columns of a row. */
function largest({ datatype, data, start }: Tensor, offset: number, columns: number): number {
  let best = 0;
  let bestScore = -Infinity;
  for (let column = 0; column < columns; column++) {
    const score = datatype.plain(data, start + offset + column);
    if (typeof score === "number" && score > bestScore) {
      best = column;
      bestScore = score;
    }
  }
  return best;
}
