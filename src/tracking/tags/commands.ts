import { defineCommand, type Tx } from "../../store/database.ts";
import { activeRun, runScope, type RunRow } from "../runs/queries.ts";
import { missing } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";

/** Sets a tag of a run that was found active. The run's name is kept in a tag as well; both change together. */
export async function setRunTag(
  tx: Tx,
  { rid, experiment_id }: Pick<RunRow, "rid" | "experiment_id">,
  { key, value }: KeyValue,
): Promise<void> {
  // As MLflow: a run keeps its name when it is given an empty one.
  if (key === "mlflow.runName" && value === "") return;
  await tx.run(
    `INSERT INTO tags (rid, key, value, experiment_id) VALUES (?, ?, ?, ?)
     ON CONFLICT (rid, key) DO UPDATE SET value = excluded.value`,
    [rid, key, value, experiment_id],
  );
  if (key === "mlflow.runName") await tx.run("UPDATE runs SET run_name = ? WHERE rid = ?", [value, rid]);
}

/** Tags in one statement: each number of them is a statement of its own, and kept prepared. */
const ROWS = 16;

/** Tags of a run that has none yet; of a key that is given twice the last. */
export async function insertTags(
  tx: Tx,
  { rid, experiment_id }: Pick<RunRow, "rid" | "experiment_id">,
  tags: readonly KeyValue[],
): Promise<void> {
  const last = [...new Map(tags.map(({ key, value }) => [key, value]))];
  for (let at = 0; at < last.length; at += ROWS) {
    const some = last.slice(at, at + ROWS);
    await tx.run(
      `INSERT INTO tags (rid, key, value, experiment_id) VALUES ${some.map(() => "(?, ?, ?, ?)").join(", ")}`,
      some.flatMap(([key, value]) => [rid, key, value, experiment_id]),
    );
  }
}

export const deleteRunTag = defineCommand(
  "tracking.delete-run-tag",
  async (tx, { workspace, runId, key }: { workspace: string; runId: string; key: string }): Promise<void> => {
    const { rid } = await activeRun(tx, workspace, runId);
    const { changes } = await tx.run("DELETE FROM tags WHERE rid = ? AND key = ?", [rid, key]);
    if (changes === 0) throw missing(`No tag with name: ${key} in run with id ${runId}`);
  },
  { scope: runScope },
);
