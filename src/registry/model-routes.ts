import { count, messages, optionalString, string, stringOrEmpty, strings } from "../tracking/wire/fields.ts";
import { checkName, keyValue, LIMITS } from "../tracking/wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import type { RegistryDeps } from "./deps.ts";
import { description, modelName, newModelName, stageName } from "./fields.ts";
import { modelMessage, versionMessages } from "./messages.ts";
import { createModel, deleteModel, describeModel, renameModel, setModelTag } from "./model-commands.ts";
import { latestVersions, modelRow, type ModelId } from "./queries.ts";
import { searchModels, type RegistrySearch } from "./search.ts";

export function modelRoutes({ db, clock }: RegistryDeps): MlflowRoute[] {
  const get = (id: ModelId): Promise<object> =>
    db.read(async (tx) => ({ registered_model: await modelMessage(tx, await modelRow(tx, id)) }));
  const idOf = ({ fields, workspace }: MlflowCall): ModelId => ({ workspace, name: modelName(fields) });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const name = newModelName(fields);
    const tags = messages(fields, "tags").map((tag) => keyValue(tag, "", LIMITS.registryTagValue));
    await db.write(createModel, {
      workspace,
      name,
      description: description(fields),
      tags,
      now: clock.now(),
      ifMissing: false,
    });
    return get({ workspace, name });
  }

  async function rename(call: MlflowCall): Promise<object> {
    const { fields, workspace } = call;
    const newName = newModelName(fields, "new_name");
    await db.write(renameModel, { ...idOf(call), newName, now: clock.now() });
    return get({ workspace, name: newName });
  }

  async function update(call: MlflowCall): Promise<object> {
    const text = description(call.fields);
    await db.write(describeModel, { ...idOf(call), description: text, now: clock.now() });
    return get(idOf(call));
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(deleteModel, idOf(call));
    return {};
  }

  async function latest(call: MlflowCall): Promise<object> {
    const id = idOf(call);
    const stages = strings(call.fields, "stages").map(stageName);
    return db.read(async (tx) => {
      await modelRow(tx, id);
      return { model_versions: await versionMessages(tx, await latestVersions(tx, id, stages), true) };
    });
  }

  async function setTag(call: MlflowCall): Promise<object> {
    const tag = keyValue(call.fields, "", LIMITS.registryTagValue);
    await db.write(setModelTag, { ...idOf(call), ...tag, now: clock.now() });
    return {};
  }

  async function deleteTag(call: MlflowCall): Promise<object> {
    const key = checkName(string(call.fields, "key"), "key");
    await db.write(setModelTag, { ...idOf(call), key, value: null, now: clock.now() });
    return {};
  }

  const path = (name: string): string => `registered-models/${name}`;
  return [
    { method: "POST", path: path("create"), access: "write", handle: create },
    { method: "POST", path: path("rename"), access: "write", handle: rename },
    { method: "PATCH", path: path("update"), access: "write", handle: update },
    { method: "DELETE", path: path("delete"), access: "write", handle: remove },
    { method: "GET", path: path("get"), access: "read", handle: (call) => get(idOf(call)) },
    {
      method: "GET",
      path: path("search"),
      access: "read",
      handle: (call) => db.read((tx) => searchModels(tx, searchOf(call, 100, 1000))),
    },
    { method: "POST", path: path("get-latest-versions"), access: "read", handle: latest },
    { method: "GET", path: path("get-latest-versions"), access: "read", handle: latest },
    { method: "POST", path: path("set-tag"), access: "write", handle: setTag },
    { method: "DELETE", path: path("delete-tag"), access: "write", handle: deleteTag },
  ];
}

export function searchOf({ fields, workspace }: MlflowCall, byDefault: number, max: number): RegistrySearch {
  return {
    workspace,
    filter: stringOrEmpty(fields, "filter"),
    orderBy: strings(fields, "order_by"),
    limit: count(fields, "max_results", byDefault, max),
    pageToken: optionalString(fields, "page_token") || undefined,
  };
}
