import type { LoggedPrediction } from "../../serving/logged-prediction.ts";
import { tabulate } from "./tabulate.ts";

/**
 * One instance of a request as the prediction log has it, in the files and from the reader. Its values are further
 * keys, `input_<name>` and `output_<name>`, where they are a table.
 */
export interface LogRow {
  request_id: string;
  /** Of the request's instances, from 0; 0 where the request isn't a table. */
  row: number;
  time: Date;
  service: string;
  model: string;
  version: number;
  /** As in the answer's `x-slipway-variant`. */
  variant: string;
  arm: string;
  status: number;
  latency_ms: number;
  /** Keyed hash of who called. */
  caller: string | null;
  /** Of the environment repository. */
  commit: string;
  /** Not drawn at random: a version in the path, or a sticky caller's later request. */
  direct: boolean;
  /** The version on trial that failed the request before. */
  fallback_version: number | null;
  error: string | null;
  /** What isn't a table, as JSON or as it came; of the request's first row. */
  inputs: string | null;
  outputs: string | null;
  /** Why there are no values. */
  omitted: string | null;
  [value: `input${string}` | `output${string}`]: unknown;
}

/** The rows of one request: as many as it has instances. */
export function rowsOf(record: LoggedPrediction): LogRow[] {
  const { rows, columns, inputs, outputs, omitted, error } = tabulate(record);
  return Array.from({ length: rows }, (_, row) => {
    const one: LogRow = {
      request_id: record.id,
      row,
      time: new Date(record.at),
      service: record.service,
      model: record.service,
      version: record.version,
      variant: String(record.version),
      arm: record.arm,
      status: record.status,
      latency_ms: Math.round(record.ms * 1_000) / 1_000,
      caller: record.caller ?? null,
      commit: record.commit,
      direct: record.direct === true,
      fallback_version: record.fallback ?? null,
      error,
      inputs: row === 0 ? inputs : null,
      outputs: row === 0 ? outputs : null,
      omitted,
    };
    for (const [name, values] of columns) one[name as `input${string}`] = values[row] ?? null;
    return one;
  });
}
