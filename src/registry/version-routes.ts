import { messages, optionalBoolean, optionalString, string, stringOrEmpty } from "../tracking/wire/fields.ts";
import { keyValue, LIMITS } from "../tracking/wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import type { RegistryCore } from "./create-registry.ts";
import type { RegistryDeps } from "./deps.ts";
import { description, stageName, versionNumber } from "./fields.ts";
import { versionMessages } from "./messages.ts";
import { searchOf } from "./model-routes.ts";
import { versionRow, type VersionId } from "./queries.ts";
import { searchVersions } from "./search.ts";
import {
  deleteVersion,
  deleteVersionTag,
  describeVersion,
  setVersionStage,
  setVersionTags,
} from "./version-commands.ts";

export function versionRoutes({
  db,
  clock,
  registry,
}: RegistryDeps & { registry: RegistryCore }): MlflowRoute[] {
  const idOf = ({ fields, workspace }: MlflowCall): VersionId => ({
    workspace,
    name: string(fields, "name"),
    version: versionNumber(fields),
  });
  const get = async (id: VersionId): Promise<object> =>
    db.read(async (tx) => {
      const [message] = await versionMessages(tx, [await versionRow(tx, id)]);
      return { model_version: message };
    });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const name = string(fields, "name");
    const modelId = optionalString(fields, "model_id");
    const version = await registry.register({
      workspace,
      name,
      source: string(fields, "source"),
      runId: stringOrEmpty(fields, "run_id"),
      runLink: stringOrEmpty(fields, "run_link"),
      ...(modelId ? { modelId } : {}),
      description: description(fields),
      tags: messages(fields, "tags").map((tag) => keyValue(tag, "tag", LIMITS.registryTagValue)),
      reuse: false,
    });
    return get({ workspace, name, version });
  }

  async function update(call: MlflowCall): Promise<object> {
    const text = description(call.fields);
    await db.write(describeVersion, { ...idOf(call), description: text, now: clock.now() });
    return get(idOf(call));
  }

  async function transition(call: MlflowCall): Promise<object> {
    await db.write(setVersionStage, {
      ...idOf(call),
      stage: stageName(string(call.fields, "stage")),
      archiveOthers: optionalBoolean(call.fields, "archive_existing_versions") ?? false,
      now: clock.now(),
    });
    return get(idOf(call));
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(deleteVersion, idOf(call));
    return {};
  }

  async function downloadUri(call: MlflowCall): Promise<object> {
    const row = await db.read((tx) => versionRow(tx, idOf(call)));
    return { artifact_uri: row.artifact_path === "" ? row.source : `mlflow-artifacts:/${row.artifact_path}` };
  }

  async function setTag(call: MlflowCall): Promise<object> {
    const tag = keyValue(call.fields, "tag", LIMITS.registryTagValue);
    await db.write(setVersionTags, { ...idOf(call), tags: [tag], now: clock.now() });
    return {};
  }

  async function deleteTag(call: MlflowCall): Promise<object> {
    const key = string(call.fields, "key");
    await db.write(deleteVersionTag, { ...idOf(call), key, now: clock.now() });
    return {};
  }

  const path = (name: string): string => `model-versions/${name}`;
  return [
    { method: "POST", path: path("create"), access: "write", handle: create },
    { method: "PATCH", path: path("update"), access: "write", handle: update },
    { method: "POST", path: path("transition-stage"), access: "write", handle: transition },
    { method: "DELETE", path: path("delete"), access: "write", handle: remove },
    { method: "GET", path: path("get"), access: "read", handle: (call) => get(idOf(call)) },
    {
      method: "GET",
      path: path("search"),
      access: "read",
      handle: (call) => db.read((tx) => searchVersions(tx, searchOf(call, 10_000, 200_000))),
    },
    { method: "GET", path: path("get-download-uri"), access: "read", handle: downloadUri },
    { method: "POST", path: path("set-tag"), access: "write", handle: setTag },
    { method: "DELETE", path: path("delete-tag"), access: "write", handle: deleteTag },
  ];
}
