import { ownArtifactPath } from "../artifacts/tenant-root.ts";
import { listArtifacts } from "../artifacts/list.ts";
import type { TrackingRouteDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { runNameFrom } from "../runs/names.ts";
import { invalid } from "../wire/errors.ts";
import {
  absent,
  messages,
  optionalBoolean,
  optionalEnum,
  optionalString,
  string,
  stringOrEmpty,
  type Fields,
} from "../wire/fields.ts";
import { LIMITS, looseKeyValue, within, type KeyValue } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { createLoggedModel, deleteModelTag, logToModel, updateLoggedModel } from "./commands.ts";
import { loggedModelMessages, loggedModelRow, MODEL_STATUSES } from "./queries.ts";
import { loggedModelSearch, searchLoggedModels } from "./search.ts";

export function loggedModelRoutes(deps: TrackingRouteDeps): MlflowRoute[] {
  const { db, clock, ids, blobs } = deps;
  const get = (workspace: string, id: string, allowDeleted = false): Promise<object> =>
    db.read(async (tx) => {
      const row = await loggedModelRow(tx, workspace, id, allowDeleted);
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
    const given = loggedModelSearch(fields, workspace);
    if (given.experimentIds.length === 0) return {};
    return db.read((tx) => searchLoggedModels(tx, given));
  }

  async function finalize(call: MlflowCall): Promise<object> {
    string(call.fields, "model_id");
    const status = optionalEnum(call.fields, "status", MODEL_STATUSES, 0);
    if (!status) throw absent("status");
    await db.write(updateLoggedModel, { ...placeOf(call), status, now: clock.now() });
    return get(call.workspace, idOf(call), true);
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(updateLoggedModel, { ...placeOf(call), stage: "deleted", now: clock.now() });
    return {};
  }

  async function setTags(call: MlflowCall): Promise<object> {
    await db.write(logToModel, { ...placeOf(call), params: [], tags: tags(call.fields) });
    return {};
  }

  async function logParams(call: MlflowCall): Promise<object> {
    string(call.fields, "model_id");
    await db.write(logToModel, { ...placeOf(call), params: params(call.fields), tags: [] });
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
      handle: (call) =>
        get(call.workspace, idOf(call), optionalBoolean(call.fields, "allow_deleted") ?? false),
    },
    { method: "PATCH", path: "logged-models/:model_id", access: "write", handle: finalize },
    { method: "DELETE", path: "logged-models/:model_id", access: "write", handle: remove },
    { method: "PATCH", path: "logged-models/:model_id/tags", access: "write", handle: setTags },
    { method: "POST", path: "logged-models/:model_id/params", access: "write", handle: logParams },
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
  return messages(fields, "params").map(looseKeyValue);
}

function tags(fields: Fields): KeyValue[] {
  return messages(fields, "tags").map(looseKeyValue);
}

/** As MLflow: the name becomes part of URIs. */
function modelName(name: string): string {
  if (/[/:.%"'\\]/.test(name)) {
    throw invalid(
      `Invalid model name ('${name}') provided. Model name must be a non-empty string and cannot contain the ` +
        `following characters: ('/', ':', '.', '%', '"', "'")`,
    );
  }
  return within(name, LIMITS.loggedModelName, "name");
}
