import type { TrackingDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { invalid } from "../wire/errors.ts";
import {
  optionalInt64,
  optionalString,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../wire/fields.ts";
import { atMost } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import {
  addToExperiments,
  createDataset,
  deleteDataset,
  deleteDatasetTag,
  deleteRecords,
  removeFromExperiments,
  setDatasetTags,
  type DatasetId,
} from "./commands.ts";
import { datasetExperiments, datasetMessages, datasetRow, findDataset, recordsPage } from "./queries.ts";
import { parseRecords, parseTags } from "./record.ts";
import { searchDatasets } from "./search.ts";
import { upsertRecords } from "./upsert.ts";

/** Bytes of one call that brings records. */
const MAX_RECORDS_BODY = 16 * 1024 * 1024;
const MAX_NAME = 255;
const MAX_PAGE = 50_000;
const DEFAULT_PAGE = 1000;
/** One call may name so many experiments or records. */
const MAX_NAMED = 10_000;

/** MLflow's evaluation datasets: inputs with what is expected of a model, for its GenAI evaluation. */
export function evaluationDatasetRoutes({ db, clock, ids }: TrackingDeps): MlflowRoute[] {
  const idOf = ({ workspace, params }: MlflowCall): DatasetId => ({ workspace, id: params["id"] ?? "" });

  const get = ({ workspace, id }: DatasetId, further: object = {}): Promise<object> =>
    db.read(async (tx) => {
      const [message] = await datasetMessages(tx, [await datasetRow(tx, workspace, id)]);
      return { dataset: { ...message, ...further } };
    });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const name = string(fields, "name");
    atMost(name, MAX_NAME, "The dataset's name");
    const id = `d-${ids.hex()}`;
    const experimentIds = experiments(fields);
    await db.write(createDataset, {
      workspace,
      id,
      name,
      tags: parseTags(stringOrEmpty(fields, "tags") || "{}"),
      experimentIds,
      now: clock.now(),
    });
    return get({ workspace, id }, { experiment_ids: experimentIds.map(String) });
  }

  async function setTags(call: MlflowCall): Promise<object> {
    await db.write(setDatasetTags, { ...idOf(call), tags: parseTags(string(call.fields, "tags")) });
    return {};
  }

  async function deleteTag(call: MlflowCall): Promise<object> {
    await db.write(deleteDatasetTag, { ...idOf(call), key: call.params["key"] ?? "" });
    return {};
  }

  async function upsert(call: MlflowCall): Promise<object> {
    const records = parseRecords(string(call.fields, "records"));
    const recordIds = records.map(() => `dr-${ids.hex()}`);
    const done = await db.write(upsertRecords, { ...idOf(call), records, recordIds, now: clock.now() });
    return { inserted_count: done.inserted, updated_count: done.updated };
  }

  async function removeRecords(call: MlflowCall): Promise<object> {
    const recordIds = bounded(strings(call.fields, "dataset_record_ids"), "dataset_record_ids");
    return { deleted_count: await db.write(deleteRecords, { ...idOf(call), recordIds }) };
  }

  /** One that isn't there belongs to no experiment. */
  async function experimentIds(call: MlflowCall): Promise<object> {
    const { workspace, id } = idOf(call);
    return db.read(async (tx) => ({
      experiment_ids: (await findDataset(tx, workspace, id)) ? await datasetExperiments(tx, id) : [],
    }));
  }

  const associate = (command: typeof addToExperiments) => async (call: MlflowCall) => {
    await db.write(command, { ...idOf(call), experimentIds: experiments(call.fields), now: clock.now() });
    return get(idOf(call));
  };

  const search = ({ fields, workspace }: MlflowCall): Promise<object> =>
    db.read((tx) =>
      searchDatasets(tx, {
        workspace,
        experimentIds: experiments(fields),
        filter: stringOrEmpty(fields, "filter_string"),
        orderBy: strings(fields, "order_by"),
        limit: pageSize(fields),
        pageToken: optionalString(fields, "page_token") || undefined,
      }),
    );

  const records = (call: MlflowCall): Promise<object> =>
    db.read((tx) =>
      recordsPage(tx, {
        ...idOf(call),
        limit: pageSize(call.fields),
        pageToken: optionalString(call.fields, "page_token") || undefined,
      }),
    );

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(deleteDataset, idOf(call));
    return {};
  }

  const one = "datasets/:id";
  return [
    { method: "POST", path: "datasets/create", access: "write", handle: create },
    { method: "POST", path: "datasets/search", access: "read", handle: search },
    { method: "GET", path: "datasets/search", access: "read", handle: search },
    { method: "GET", path: one, access: "read", handle: (call) => get(idOf(call)) },
    { method: "DELETE", path: one, access: "write", handle: remove },
    { method: "PATCH", path: `${one}/tags`, access: "write", handle: setTags },
    { method: "DELETE", path: `${one}/tags/:key`, access: "write", handle: deleteTag },
    {
      method: "POST",
      path: `${one}/records`,
      access: "write",
      maxBody: MAX_RECORDS_BODY,
      handle: upsert,
    },
    { method: "GET", path: `${one}/records`, access: "read", handle: records },
    { method: "DELETE", path: `${one}/records`, access: "write", handle: removeRecords },
    { method: "GET", path: `${one}/experiment-ids`, access: "read", handle: experimentIds },
    { method: "POST", path: `${one}/add-experiments`, access: "write", handle: associate(addToExperiments) },
    {
      method: "POST",
      path: `${one}/remove-experiments`,
      access: "write",
      handle: associate(removeFromExperiments),
    },
  ];
}

function experiments(fields: Fields): number[] {
  const named = bounded(strings(fields, "experiment_ids"), "experiment_ids");
  return [...new Set(named)].map(experimentNumber);
}

/** 0 is the default, as in protocol buffers. */
function pageSize(fields: Fields): number {
  const limit = Number(optionalInt64(fields, "max_results") ?? 0) || DEFAULT_PAGE;
  if (limit >= 1 && limit <= MAX_PAGE) return limit;
  throw invalid(
    `Invalid value ${limit} for parameter 'max_results' supplied: it must be at most ${MAX_PAGE} and at least 1.`,
  );
}

function bounded(list: string[], name: string): string[] {
  if (list.length > MAX_NAMED) throw invalid(`At most ${MAX_NAMED} ${name} in one call; got ${list.length}.`);
  return list;
}
