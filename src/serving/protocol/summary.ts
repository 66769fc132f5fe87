import { fromFloat16 } from "./float16.ts";
import { elements } from "./tensor.ts";
import type { Tensor } from "./tensor.ts";

const MAX_ROWS = 64;
const MAX_BYTES = 2_048;
const MAX_TEXT = 100;

/**
 * The predicted class or value of each row, as a JSON array for the prediction log; "" when there is none.
 * An output of integers or strings with one value per row is the class; else the largest of a row of scores names it;
 * else the one value per row. At most 64 rows and 2 KiB.
 */
export function summarise(outputs: Iterable<Tensor>): string {
  const tensors = [...outputs];
  const chosen =
    tensors.find((tensor) => tensor.datatype.family !== "float" && width(tensor) === 1) ??
    tensors.find((tensor) => tensor.datatype.family === "float" && width(tensor) >= 1);
  if (chosen === undefined) return "";
  const rows: (string | number)[] = [];
  let bytes = 2;
  for (let row = 0; row < Math.min(chosen.shape[0] ?? 0, MAX_ROWS); row++) {
    const value = valueOfRow(chosen, row);
    bytes += Buffer.byteLength(JSON.stringify(value)) + 1;
    if (bytes > MAX_BYTES) break;
    rows.push(value);
  }
  return JSON.stringify(rows);
}

/** Values per row of a tensor of rows; 0 when it isn't one. */
function width(tensor: Tensor): number {
  return tensor.shape.length === 0 || tensor.shape.length > 2 ? 0 : elements(tensor.shape.slice(1));
}

function valueOfRow(tensor: Tensor, row: number): string | number {
  const columns = width(tensor);
  if (columns === 1) return plain(tensor, row);
  let best = 0;
  for (let column = 1; column < columns; column++)
    if (plain(tensor, row * columns + column) > plain(tensor, row * columns + best)) best = column;
  return best;
}

function plain(tensor: Tensor, index: number): string | number {
  const value = tensor.data[index];
  if (typeof value === "string") return value.slice(0, MAX_TEXT);
  // A class beyond 2^53 keeps its digits as text.
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  const number = tensor.datatype.name === "FP16" ? fromFloat16(value ?? 0) : (value ?? 0);
  return tensor.datatype.family === "float" ? Number(number.toPrecision(7)) : number;
}
