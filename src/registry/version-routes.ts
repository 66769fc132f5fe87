import { invalid } from "../tracking/wire/errors.ts";
import { messages, optionalBoolean, optionalString, string, stringOrEmpty } from "../tracking/wire/fields.ts";
import { checkName, keyValue, LIMITS } from "../tracking/wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import type { RegistryCore } from "./create-registry.ts";
import type { RegistryDeps } from "./deps.ts";
import { description, modelName, stageName, versionNumber } from "./fields.ts";
import { versionMessages } from "./messages.ts";
import { searchOf } from "./model-routes.ts";
import { originOf } from "./named-version.ts";
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
    name: modelName(fields),
    version: versionNumber(fields),
  });
  const get = async (id: VersionId): Promise<object> =>
    db.read(async (tx) => {
      const [message] = await versionMessages(tx, [await versionRow(tx, id)], true);
      return { model_version: message };
    });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const name = modelName(fields);
    const [runId, modelId] = [optionalString(fields, "run_id"), optionalString(fields, "model_id")];
    const version = await registry.registerClaim({
      workspace,
      name,
      source: string(fields, "source"),
      runId: runId ?? "",
      modelId: modelId ?? "",
      hasRunId: runId !== undefined,
      hasModelId: modelId !== undefined,
      runLink: stringOrEmpty(fields, "run_link"),
      description: description(fields),
      tags: messages(fields, "tags").map((tag) => keyValue(tag, "", LIMITS.registryTagValue)),
    });
    return get({ workspace, name, version });
  }

  async function update(call: MlflowCall): Promise<object> {
    const text = description(call.fields);
    await db.write(describeVersion, { ...idOf(call), description: text, now: clock.now() });
    return get(idOf(call));
  }

  async function transition(call: MlflowCall): Promise<object> {
    const stage = stageName(string(call.fields, "stage"));
    const archiveOthers = optionalBoolean(call.fields, "archive_existing_versions") ?? false;
    if (archiveOthers && stage !== "Staging" && stage !== "Production") {
      throw invalid(
        "Model version transition cannot archive existing model versions because " +
          `'${stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
      );
    }
    await db.write(setVersionStage, {
      ...idOf(call),
      stage,
      archiveOthers,
      now: clock.now(),
    });
    return get(idOf(call));
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(deleteVersion, { ...idOf(call), now: clock.now() });
    return {};
  }

  async function downloadUri(call: MlflowCall): Promise<object> {
    const row = await db.read((tx) => originOf(tx, idOf(call)));
    const isResolved = row.source.startsWith("models:") && row.artifact_path !== "";
    return { artifact_uri: isResolved ? `mlflow-artifacts:/${row.artifact_path}` : row.source };
  }

  async function setTag(call: MlflowCall): Promise<object> {
    const tag = keyValue(call.fields, "", LIMITS.registryTagValue);
    await db.write(setVersionTags, { ...idOf(call), tags: [tag], now: clock.now() });
    return {};
  }

  async function deleteTag(call: MlflowCall): Promise<object> {
    const key = checkName(string(call.fields, "key"), "key");
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
