import { ownArtifactPath } from "../artifacts/tenant-root.ts";
import { listArtifacts } from "../artifacts/list.ts";
import type { TrackingRouteDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { runNameFrom } from "../runs/names.ts";
import { invalid } from "../wire/errors.ts";
import {
  count,
  messages,
  optionalBoolean,
  optionalEnum,
  optionalString,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../wire/fields.ts";
import { atMost, keyValue, LIMITS, type KeyValue } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { createLoggedModel, deleteModelTag, logToModel, updateLoggedModel } from "./commands.ts";
import { loggedModelMessages, loggedModelRow, MODEL_STATUSES } from "./queries.ts";
import { searchLoggedModels } from "./search.ts";

export function loggedModelRoutes(deps: TrackingRouteDeps): MlflowRoute[] {
  const { db, clock, ids, blobs } = deps;
  const get = (workspace: string, id: string): Promise<object> =>
    db.read(async (tx) => {
      const row = await loggedModelRow(tx, workspace, id);
      return { model: (await loggedModelMessages(tx, [row]))[0] };
    });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const modelId = `m-${ids.hex()}`;
    await db.write(createLoggedModel, {
      workspace,
      modelId,
      experimentId: experimentNumber(string(fields, "experiment_id")),
      name: modelName(optionalString(fields, "name") || runNameFrom(modelId.slice(2))),
      modelType: optionalString(fields, "model_type") || null,
      sourceRunId: optionalString(fields, "source_run_id") || null,
      params: params(fields),
      tags: tags(fields),
      now: clock.now(),
    });
    return get(workspace, modelId);
  }

  async function search({ fields, workspace }: MlflowCall): Promise<object> {
    return db.read((tx) =>
      searchLoggedModels(tx, {
        workspace,
        experimentIds: strings(fields, "experiment_ids").map(experimentNumber),
        filter: stringOrEmpty(fields, "filter"),
        orderBy: messages(fields, "order_by").map((order) => ({
          field: string(order, "field_name"),
          ascending: optionalBoolean(order, "ascending") ?? true,
        })),
        limit: count(fields, "max_results", 50, 1000),
        pageToken: optionalString(fields, "page_token") || undefined,
      }),
    );
  }

  async function finalize(call: MlflowCall): Promise<object> {
    const status = optionalEnum(call.fields, "status", MODEL_STATUSES);
    if (!status) throw invalid("Missing value for required parameter 'status'.");
    await db.write(updateLoggedModel, { ...placeOf(call), status, now: clock.now() });
    return get(call.workspace, idOf(call));
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(updateLoggedModel, { ...placeOf(call), stage: "deleted", now: clock.now() });
    return {};
  }

  async function log(call: MlflowCall): Promise<object> {
    const { fields } = call;
    await db.write(logToModel, { ...placeOf(call), params: params(fields), tags: tags(fields) });
    return {};
  }

  async function directories(call: MlflowCall): Promise<object> {
    const { artifact_uri: uri } = await db.read((tx) => loggedModelRow(tx, call.workspace, idOf(call)));
    const folder = stringOrEmpty(call.fields, "artifact_directory_path");
    return listArtifacts(blobs, { uri, root: ownArtifactPath(uri, call.workspace), folder });
  }

  return [
    { method: "POST", path: "logged-models", access: "write", handle: create },
    { method: "POST", path: "logged-models/search", access: "read", handle: search },
    {
      method: "GET",
      path: "logged-models/:model_id",
      access: "read",
      handle: (call) => get(call.workspace, idOf(call)),
    },
    { method: "PATCH", path: "logged-models/:model_id", access: "write", handle: finalize },
    { method: "DELETE", path: "logged-models/:model_id", access: "write", handle: remove },
    { method: "PATCH", path: "logged-models/:model_id/tags", access: "write", handle: log },
    { method: "POST", path: "logged-models/:model_id/params", access: "write", handle: log },
    {
      method: "DELETE",
      path: "logged-models/:model_id/tags/:key",
      access: "write",
      async handle(call) {
        await db.write(deleteModelTag, { ...placeOf(call), key: call.params["key"] ?? "" });
        return {};
      },
    },
    {
      method: "GET",
      path: "logged-models/:model_id/artifacts/directories",
      access: "read",
      handle: directories,
    },
  ];
}

function idOf({ params }: MlflowCall): string {
  return params["model_id"] ?? "";
}

function placeOf(call: MlflowCall): { workspace: string; modelId: string } {
  return { workspace: call.workspace, modelId: idOf(call) };
}

function params(fields: Fields): KeyValue[] {
  return messages(fields, "params").map((param) => keyValue(param, "param", LIMITS.paramValue));
}

function tags(fields: Fields): KeyValue[] {
  return messages(fields, "tags").map((tag) => keyValue(tag, "tag", LIMITS.tagValue));
}

/** As MLflow: the name becomes part of URIs. */
function modelName(name: string): string {
  atMost(name, LIMITS.modelName, "The model's name");
  if (/[/:.%"'\\]/.test(name)) {
    throw invalid(`Invalid model name ('${name}') provided. It may not contain any of / : . % " ' \\.`);
  }
  return name;
}
