import { defineCommand, type SqlValue, type Tx } from "../store/database.ts";
import { marks } from "./candidates.ts";
import type { Doomed, Kind } from "./thing.ts";

/** Rows that one command removes: bounds how long other writes wait for it. */
const ROWS = 2_000;
/** Ids in one statement. */
const IDS = 500;

/** Where a kind's rows are: table, column with the thing's number or id, and the rest of the table's key. */
const TABLES: Readonly<Record<Kind, readonly (readonly [table: string, column: string, key: string])[]>> = {
  run: [
    ["metrics", "rid", "key, timestamp, step, value, is_nan"],
    ["latest_metrics", "rid", "key"],
    ["params", "rid", "key"],
    ["tags", "rid", "key"],
    ["input_tags", "rid", "dataset_id, key"],
    ["inputs", "rid", "dataset_id, model_id"],
    ["outputs", "rid", "model_id"],
  ],
  model: [
    ["logged_model_metrics", "model_id", "rid, key, dataset_name, dataset_digest, timestamp, step"],
    ["logged_model_params", "model_id", "key"],
    ["logged_model_tags", "model_id", "key"],
  ],
  trace: [
    ["spans", "tid", "span_id"],
    ["trace_tags", "tid", "key"],
    ["trace_metadata", "tid", "key"],
    ["trace_links", "tid", "kind, target"],
    ["assessments", "tid", "assessment_id"],
  ],
  experiment: [
    ["experiment_tags", "experiment_id", "key"],
    ["datasets", "experiment_id", "dataset_id"],
    ["evaluation_dataset_experiments", "experiment_id", "dataset_id"],
    ["scorers", "experiment_id", "scorer_id"],
  ],
};

/** Tables of a kind with the column that names the thing; for whoever counts them. */
export function tablesOf(kind: Kind): readonly (readonly [table: string, column: string])[] {
  return TABLES[kind].map(([table, column]) => [table, column]);
}

/**
 * Removes rows of doomed things, ROWS of them or a little more; `done` are those that have none left, of which the ones in
 * `filesGone` are forgotten. To be called until all are done.
 */
export const sweepRows = defineCommand(
  "gc.sweep-rows",
  async (
    tx,
    { things, filesGone }: { things: Doomed[]; filesGone: number[] },
  ): Promise<{ rows: number; done: number[] }> => {
    let left = ROWS;
    const done: number[] = [];
    for (const thing of things) {
      left -= await sweep(tx, thing, left);
      if (left <= 0) break;
      done.push(thing.seq);
    }
    const forgotten = done.filter((seq) => filesGone.includes(seq));
    if (forgotten.length > 0)
      await tx.run(`DELETE FROM doomed WHERE seq IN (${marks(forgotten)})`, forgotten);
    return { rows: ROWS - left, done };
  },
);

/** Answers how many rows went: `limit` or more when there may be others. */
async function sweep(tx: Tx, thing: Doomed, limit: number): Promise<number> {
  const value = thing.kind === "model" ? thing.id : thing.number;
  let rows = 0;
  // Brought in anew under its id, by which its rows are known: they are the new one's.
  if (thing.kind === "model" && (await isModel(tx, thing.id))) return 0;
  if (thing.kind === "run") rows += await sweepAroundRun(tx, thing, limit);
  if (thing.kind === "experiment") rows += await sweepScorerVersions(tx, thing.number);
  for (const [table, column, key] of TABLES[thing.kind]) {
    if (rows >= limit) return rows;
    rows += await deleteSome(tx, table, { [column]: value }, key, limit - rows);
  }
  return rows;
}

/** Rows that name a tracking run beside its own: they are found by its own, so they go first. */
async function sweepAroundRun(
  tx: Tx,
  { number: rid, id, workspace }: Doomed,
  limit: number,
): Promise<number> {
  let rows = 0;
  const models = await tx.all<{ model_id: string }>(
    `SELECT model_id FROM inputs WHERE rid = ? AND model_id <> '' UNION SELECT model_id FROM outputs WHERE rid = ?
     UNION SELECT model_id FROM latest_metrics WHERE rid = ? AND model_id IS NOT NULL
     UNION SELECT model_id FROM logged_models WHERE source_run_id = ?`,
    [rid, rid, rid, id],
  );
  for (const { model_id } of models) {
    if (rows >= limit) return rows;
    const of = { model_id, rid };
    const key = "key, dataset_name, dataset_digest, timestamp, step";
    rows += await deleteSome(tx, "logged_model_metrics", of, key, limit - rows);
  }
  const datasets = await tx.all<{ dataset_id: number }>(
    "SELECT dataset_id FROM inputs WHERE rid = ? AND dataset_id <> 0",
    [rid],
  );
  for (let at = 0; at < datasets.length; at += IDS) {
    const ids = datasets.slice(at, at + IDS).map((row) => row.dataset_id);
    const { changes } = await tx.run(
      `DELETE FROM datasets WHERE dataset_id IN (${marks(ids)})
         AND NOT EXISTS (SELECT 1 FROM inputs i WHERE i.dataset_id = datasets.dataset_id AND i.rid <> ?)`,
      [...ids, rid],
    );
    rows += changes;
  }
  // Somebody who brings runs in from elsewhere may have brought this one again.
  const again = await tx.get("SELECT 1 AS one FROM runs WHERE run_id = ?", [id]);
  if (again || rows >= limit) return rows;
  const links = await tx.all<{ tid: number }>(
    `SELECT l.tid FROM trace_links l JOIN traces t ON t.tid = l.tid
     WHERE l.kind = 'run' AND l.target = ? AND t.workspace = ? LIMIT ?`,
    [id, workspace, Math.min(IDS, limit - rows)],
  );
  if (links.length > 0) {
    const tids = links.map((row) => row.tid);
    const sql = `DELETE FROM trace_links WHERE kind = 'run' AND target = ? AND tid IN (${marks(tids)})`;
    rows += (await tx.run(sql, [id, ...tids])).changes;
  }
  return links.length === IDS ? limit : rows;
}

async function isModel(tx: Tx, id: string): Promise<boolean> {
  return (await tx.get("SELECT 1 AS one FROM logged_models WHERE model_id = ?", [id])) !== undefined;
}

async function sweepScorerVersions(tx: Tx, experimentId: number): Promise<number> {
  const sql =
    "DELETE FROM scorer_versions WHERE scorer_id IN (SELECT scorer_id FROM scorers WHERE experiment_id = ?)";
  return (await tx.run(sql, [experimentId])).changes;
}

/** The first rows of a thing in the order of the table's key. */
async function deleteSome(
  tx: Tx,
  table: string,
  of: Readonly<Record<string, SqlValue>>,
  key: string,
  limit: number,
): Promise<number> {
  const where = Object.keys(of)
    .map((column) => `${column} = ?`)
    .join(" AND ");
  const values = Object.values(of);
  const end = await tx.get<Record<string, SqlValue>>(
    `SELECT ${key} FROM ${table} WHERE ${where} ORDER BY ${key} LIMIT 1 OFFSET ?`,
    [...values, limit],
  );
  if (end === undefined) return (await tx.run(`DELETE FROM ${table} WHERE ${where}`, values)).changes;
  const columns = key.split(", ");
  const { changes } = await tx.run(`DELETE FROM ${table} WHERE ${where} AND (${key}) < (${marks(columns)})`, [
    ...values,
    ...columns.map((column) => end[column] ?? null),
  ]);
  return changes;
}
