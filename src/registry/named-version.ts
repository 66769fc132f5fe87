import type { ReadTx } from "../store/database.ts";
import { missing } from "../tracking/wire/errors.ts";
import { stageName } from "./fields.ts";
import { PROMPT_TAG } from "./prompts.ts";
import {
  aliasedVersion,
  findVersion,
  latestVersions,
  modelRow,
  versionRow,
  type ModelId,
  type VersionId,
  type VersionRow,
} from "./queries.ts";
import type { NamedVersion, SourceLookups } from "./source.ts";

/** The version that a `models:/` source means now; errors as MLflow's. */
export async function namedVersion(
  tx: ReadTx,
  id: ModelId,
  which: Parameters<SourceLookups["versionOf"]>[1],
): Promise<NamedVersion> {
  const isPrompt = await isPromptNamed(tx, id);
  const row = await rowOf(tx, id, which);
  const { name, version, run_id: runId, model_id: modelId, artifact_path: path } = row;
  return { name, version, runId, modelId, path, isPrompt };
}

/** A copy of a copy, and so on, is followed so far. */
const MAX_COPIES = 100;

/** The version whose files a version has: itself, or the one it was copied from, as far as that is still there. */
export async function originOf(tx: ReadTx, id: VersionId): Promise<VersionRow> {
  let row = await versionRow(tx, id);
  for (let copies = 0; copies < MAX_COPIES; copies++) {
    const [, name, version] = /^models:\/([^/]+)\/(\d{1,15})$/.exec(row.source) ?? [];
    if (name === undefined) break;
    const original = await findVersion(tx, { workspace: id.workspace, name, version: Number(version) });
    if (!original) break;
    row = original;
  }
  return row;
}

/** Whether the registered model is a prompt; RESOURCE_DOES_NOT_EXIST when there is none. */
export async function isPromptNamed(tx: ReadTx, { workspace, name }: ModelId): Promise<boolean> {
  await modelRow(tx, { workspace, name });
  const sql = "SELECT value FROM registered_model_tags WHERE workspace = ? AND name = ? AND key = ?";
  const tag = await tx.get<{ value: string }>(sql, [workspace, name, PROMPT_TAG]);
  return tag?.value.toLowerCase() === "true";
}

async function rowOf(
  tx: ReadTx,
  id: ModelId,
  which: Parameters<SourceLookups["versionOf"]>[1],
): Promise<VersionRow> {
  if ("version" in which) return versionRow(tx, { ...id, version: which.version });
  if ("alias" in which) return aliasedVersion(tx, id, which.alias);
  const stages = which.stage === undefined ? [] : [stageName(which.stage)];
  const newest = (await latestVersions(tx, id, stages)).at(-1);
  if (newest) return newest;
  const ofStage = which.stage === undefined ? "" : ` and stage '${which.stage}'`;
  throw missing(`No versions of model with name '${id.name}'${ofStage} found`);
}
