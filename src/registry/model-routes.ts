import {
  count,
  messages,
  optionalString,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../tracking/wire/fields.ts";
import { keyValue, LIMITS } from "../tracking/wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import type { RegistryDeps } from "./deps.ts";
import { description, newModelName, stageName } from "./fields.ts";
import { modelMessage, versionMessages } from "./messages.ts";
import { createModel, deleteModel, describeModel, renameModel, setModelTag } from "./model-commands.ts";
import { latestVersions, modelRow } from "./queries.ts";
import { searchModels, type RegistrySearch } from "./search.ts";

export function modelRoutes({ db, clock }: RegistryDeps): MlflowRoute[] {
  const get = (name: string): Promise<object> =>
    db.read(async (tx) => ({ registered_model: await modelMessage(tx, await modelRow(tx, name)) }));

  async function create({ fields }: MlflowCall): Promise<object> {
    const name = newModelName(fields);
    const tags = messages(fields, "tags").map((tag) => keyValue(tag, "tag", LIMITS.registryTagValue));
    await db.write(createModel, {
      name,
      description: description(fields),
      tags,
      now: clock.now(),
      ifMissing: false,
    });
    return get(name);
  }

  async function rename({ fields }: MlflowCall): Promise<object> {
    const newName = newModelName(fields, "new_name");
    await db.write(renameModel, { name: string(fields, "name"), newName, now: clock.now() });
    return get(newName);
  }

  async function update({ fields }: MlflowCall): Promise<object> {
    const name = string(fields, "name");
    await db.write(describeModel, { name, description: description(fields), now: clock.now() });
    return get(name);
  }

  async function remove({ fields }: MlflowCall): Promise<object> {
    await db.write(deleteModel, { name: string(fields, "name") });
    return {};
  }

  async function latest({ fields }: MlflowCall): Promise<object> {
    const name = string(fields, "name");
    const stages = strings(fields, "stages").map(stageName);
    return db.read(async (tx) => {
      await modelRow(tx, name);
      return { model_versions: await versionMessages(tx, await latestVersions(tx, name, stages)) };
    });
  }

  async function setTag({ fields }: MlflowCall): Promise<object> {
    const tag = keyValue(fields, "tag", LIMITS.registryTagValue);
    await db.write(setModelTag, { name: string(fields, "name"), ...tag });
    return {};
  }

  async function deleteTag({ fields }: MlflowCall): Promise<object> {
    await db.write(setModelTag, { name: string(fields, "name"), key: string(fields, "key"), value: null });
    return {};
  }

  const path = (name: string): string => `registered-models/${name}`;
  return [
    { method: "POST", path: path("create"), access: "write", handle: create },
    { method: "POST", path: path("rename"), access: "write", handle: rename },
    { method: "PATCH", path: path("update"), access: "write", handle: update },
    { method: "DELETE", path: path("delete"), access: "write", handle: remove },
    { method: "GET", path: path("get"), access: "read", handle: ({ fields }) => get(string(fields, "name")) },
    {
      method: "GET",
      path: path("search"),
      access: "read",
      handle: ({ fields }) => db.read((tx) => searchModels(tx, searchOf(fields, 100, 1000))),
    },
    { method: "POST", path: path("get-latest-versions"), access: "read", handle: latest },
    { method: "GET", path: path("get-latest-versions"), access: "read", handle: latest },
    { method: "POST", path: path("set-tag"), access: "write", handle: setTag },
    { method: "DELETE", path: path("delete-tag"), access: "write", handle: deleteTag },
  ];
}

export function searchOf(fields: Fields, byDefault: number, max: number): RegistrySearch {
  return {
    filter: stringOrEmpty(fields, "filter"),
    orderBy: strings(fields, "order_by"),
    limit: count(fields, "max_results", byDefault, max),
    pageToken: optionalString(fields, "page_token") || undefined,
  };
}
