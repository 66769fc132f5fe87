import type { Tx } from "../../store/database.ts";
import type { RunRow } from "../runs/queries.ts";
import { invalid } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";

/** Logs a param once; the same value again is no error, another one is. */
export async function insertParam(
  tx: Tx,
  run: Pick<RunRow, "rid" | "experiment_id"> & { runId: string },
  { key, value }: KeyValue,
): Promise<void> {
  const sql =
    "INSERT INTO params (rid, key, value, experiment_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
  const { changes } = await tx.run(sql, [run.rid, key, value, run.experiment_id]);
  if (changes > 0) return;
  const old = await tx.get<{ value: string }>("SELECT value FROM params WHERE rid = ? AND key = ?", [
    run.rid,
    key,
  ]);
  if (old?.value === value) return;
  throw invalid(
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old?.value}' ` +
      `for run ID='${run.runId}'. Attempted logging new value '${value}'.`,
  );
}
