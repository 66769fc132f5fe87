import { defineCommand, type Tx } from "../../store/database.ts";
import { datasetRow, RECORD_COLUMNS, type RecordRow } from "./queries.ts";
import type { JsonObject, NewRecord } from "./record.ts";
import { datasetDigest, extendSchema } from "./summary.ts";

interface UpsertArgs {
  workspace: string;
  id: string;
  records: readonly NewRecord[];
  /** For each record the id that it gets when it is new. */
  recordIds: readonly string[];
  now: number;
}

/** Adds records, or changes those with the same inputs: outputs are replaced, expectations and tags are merged. */
export const upsertRecords = defineCommand(
  "evaluation-datasets.upsert-records",
  async (tx, args: UpsertArgs): Promise<{ inserted: number; updated: number }> => {
    const { workspace, id, records, now } = args;
    const dataset = await datasetRow(tx, workspace, id);
    let inserted = 0;
    for (const [index, record] of records.entries()) {
      const known = await tx.get<RecordRow>(
        `SELECT ${RECORD_COLUMNS} FROM evaluation_dataset_records WHERE dataset_id = ? AND input_digest = ?`,
        [id, record.digest],
      );
      if (known) await merge(tx, known, record, now);
      else {
        await insert(tx, { datasetId: id, recordId: args.recordIds[index] ?? "", record, now });
        inserted++;
      }
    }
    const user = records.map(userOf).findLast((name) => name !== null) ?? null;
    await tx.run(
      `UPDATE evaluation_datasets SET last_update_time = ?, last_updated_by = ?, digest = ?, schema_json = ?,
         records = records + ? WHERE dataset_id = ?`,
      [now, user, datasetDigest(dataset.name, now), extendSchema(dataset.schema_json, records), inserted, id],
    );
    return { inserted, updated: records.length - inserted };
  },
);

interface Insert {
  datasetId: string;
  recordId: string;
  record: NewRecord;
  now: number;
}

async function insert(tx: Tx, { datasetId, recordId, record, now }: Insert): Promise<void> {
  const user = userOf(record);
  // As MLflow: outputs that aren't given are an empty object, and null is none.
  const outputs = record.outputs === undefined ? {} : record.outputs;
  await tx.run(
    `INSERT INTO evaluation_dataset_records (${RECORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      datasetId,
      record.digest,
      recordId,
      JSON.stringify(record.inputs),
      textOrNull(outputs),
      textOrNull(record.expectations),
      textOrNull(record.tags),
      textOrNull(record.source),
      now,
      now,
      user,
      user,
    ],
  );
}

async function merge(tx: Tx, known: RecordRow, record: NewRecord, now: number): Promise<void> {
  await tx.run(
    `UPDATE evaluation_dataset_records SET outputs = ?, expectations = ?, tags = ?, last_update_time = ?,
       last_updated_by = ? WHERE dataset_id = ? AND input_digest = ?`,
    [
      record.outputs === undefined ? known.outputs : textOrNull(record.outputs),
      merged(known.expectations, record.expectations),
      merged(known.tags, record.tags),
      now,
      userOf(record) ?? known.last_updated_by,
      known.dataset_id,
      known.input_digest,
    ],
  );
}

function merged(known: string | null, given: JsonObject | null): string | null {
  if (!given || Object.keys(given).length === 0) return known;
  const before = known === null ? {} : (JSON.parse(known) as JsonObject);
  return JSON.stringify({ ...before, ...given });
}

function userOf({ tags }: NewRecord): string | null {
  const user = tags?.["mlflow.user"];
  return typeof user === "string" ? user : null;
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
