import { sideText } from "../monitoring/prediction-log/side-text.ts";
import { cut, oneLine, table } from "./terminal.ts";

/** A row of the prediction log as the API answers it. */
export interface PredictionRow {
  request_id: string;
  row: number;
  /** ISO 8601. */
  time: string;
  version: number;
  arm: string;
  status: number;
  latency_ms: number;
  error: string | null;
  [value: string]: unknown;
}

const FIXED_WIDTH = 84;
const LEAST_WIDTH = 16;

/** Rows as a table; values are cut to the line. */
export function formatPredictions(service: string, rows: readonly PredictionRow[], width: number): string {
  if (rows.length === 0) return `nothing is logged of ${oneLine(service)} in that time\n`;
  const room = Math.max(LEAST_WIDTH, Math.floor((width - FIXED_WIDTH) / 2));
  return table(
    ["WHEN", "REQUEST", "VERSION", "STATUS", "MS", "INPUT", "OUTPUT"],
    rows.map((row) => [
      row.time.replace(/\.(\d)\d*Z$/, ".$1Z"),
      row.row === 0 ? oneLine(row.request_id) : `${oneLine(row.request_id)} [${row.row}]`,
      `${row.version} ${row.arm}`,
      String(row.status),
      row.latency_ms.toFixed(1),
      cut(sideText(row, "input"), room),
      cut(row.error ?? sideText(row, "output"), room),
    ]),
  );
}
