import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import type { KeyValue } from "../wire/limits.ts";

/** What a tracking run used and made, as MLflow's messages. */
export interface RunInputs {
  datasets: object[];
  models: object[];
  outputs: object[];
}

interface InputRow {
  rid: number;
  dataset_id: number;
  model_id: string;
  name: string | null;
  digest: string;
  source_type: string;
  source: string;
  schema_json: string | null;
  profile: string | null;
}

type InputTagRow = KeyValue & { rid: number; dataset_id: number };

/** Inputs and outputs of many runs, by the run's number. */
export async function runInputs(tx: ReadTx, rids: readonly number[]): Promise<Map<number, RunInputs>> {
  const marks = rids.map(() => "?").join(", ");
  const found = new Map<number, RunInputs>();
  const of = (rid: number): RunInputs => {
    const known = found.get(rid) ?? { datasets: [], models: [], outputs: [] };
    found.set(rid, known);
    return known;
  };
  const inputs = await tx.all<InputRow>(
    `SELECT i.rid, i.dataset_id, i.model_id, d.name, d.digest, d.source_type, d.source, d.schema_json, d.profile
     FROM inputs i LEFT JOIN datasets d ON d.dataset_id = i.dataset_id
     WHERE i.rid IN (${marks}) ORDER BY i.rid, i.dataset_id, i.model_id`,
    rids,
  );
  const tags = inputs.length === 0 ? [] : await inputTags(tx, rids);
  const tagsOf = groupBy(tags, (tag) => `${tag.rid} ${tag.dataset_id}`);
  for (const input of inputs) {
    if (input.model_id !== "") of(input.rid).models.push({ model_id: input.model_id });
    else {
      const own = tagsOf.get(`${input.rid} ${input.dataset_id}`) ?? [];
      of(input.rid).datasets.push({
        tags: own.map(({ key, value }) => ({ key, value })),
        dataset: datasetMessage(input),
      });
    }
  }
  const outputs = await tx.all<{ rid: number; model_id: string; step: number }>(
    `SELECT rid, model_id, step FROM outputs WHERE rid IN (${marks}) ORDER BY rid, step, model_id`,
    rids,
  );
  for (const { rid, model_id, step } of outputs) of(rid).outputs.push({ model_id, step });
  return found;
}

function inputTags(tx: ReadTx, rids: readonly number[]): Promise<InputTagRow[]> {
  const marks = rids.map(() => "?").join(", ");
  return tx.all(
    `SELECT rid, dataset_id, key, value FROM input_tags WHERE rid IN (${marks}) ORDER BY rid, dataset_id, key`,
    rids,
  );
}

function datasetMessage(row: InputRow): object {
  return {
    name: row.name,
    digest: row.digest,
    source_type: row.source_type,
    source: row.source,
    ...(row.schema_json === null ? {} : { schema: row.schema_json }),
    ...(row.profile === null ? {} : { profile: row.profile }),
  };
}
