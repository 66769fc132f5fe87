import { defineCommand, type Tx } from "../store/database.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { modelRow, versionRow, type ModelId, type VersionId } from "./queries.ts";
import { served } from "./served.ts";
import { tellVersionCreated, tellVersionTag } from "./webhooks/tell.ts";

interface CreateArgs extends ModelId {
  source: string;
  artifactPath: string;
  runId: string;
  runLink: string;
  modelId: string;
  description: string;
  userId: string;
  tags: KeyValue[];
  now: number;
  /** True: a version of the same run and files is taken instead of a second one, and gets the tags. */
  reuse: boolean;
}

/** A new version; its number. */
export const createVersion = defineCommand(
  "registry.create-version",
  async (tx, args: CreateArgs): Promise<number> => {
    await modelRow(tx, args);
    const same = args.reuse ? await sameVersion(tx, args) : undefined;
    const version = same ?? (await insertVersion(tx, args));
    for (const tag of args.tags) await upsertTag(tx, { ...args, version }, tag);
    if (same === undefined) await tellVersionCreated(tx, { ...args, version });
    return version;
  },
);

async function sameVersion(tx: Tx, args: CreateArgs): Promise<number | undefined> {
  const row = await tx.get<{ version: number }>(
    `SELECT version FROM model_versions WHERE run_id = ? AND name = ? AND workspace = ? AND artifact_path = ?
     ORDER BY version DESC LIMIT 1`,
    [args.runId, args.name, args.workspace, args.artifactPath],
  );
  return row?.version;
}

async function insertVersion(tx: Tx, args: CreateArgs): Promise<number> {
  const row = await tx.get<{ last_version: number }>(
    `UPDATE registered_models SET last_version = last_version + 1, last_update_time = ?
     WHERE workspace = ? AND name = ? RETURNING last_version`,
    [args.now, args.workspace, args.name],
  );
  const version = row?.last_version ?? 0;
  await tx.run(
    `INSERT INTO model_versions (workspace, name, version, description, user_id, stage, source, artifact_path, run_id, run_link,
       model_id, status, creation_time, last_update_time)
     VALUES (?, ?, ?, ?, ?, 'None', ?, ?, ?, ?, ?, 'READY', ?, ?)`,
    [
      args.workspace,
      args.name,
      version,
      args.description,
      args.userId,
      args.source,
      args.artifactPath,
      args.runId,
      args.runLink,
      args.modelId,
      args.now,
      args.now,
    ],
  );
  return version;
}

export const describeVersion = defineCommand(
  "registry.describe-version",
  async (tx, args: VersionId & { description: string; now: number }): Promise<void> => {
    await versionRow(tx, args);
    await tx.run(
      `UPDATE model_versions SET description = ?, last_update_time = ?
       WHERE workspace = ? AND name = ? AND version = ?`,
      [args.description, args.now, args.workspace, args.name, args.version],
    );
  },
);

interface StageArgs extends VersionId {
  stage: string;
  archiveOthers: boolean;
  now: number;
}

export const setVersionStage = defineCommand(
  "registry.set-version-stage",
  async (tx, args: StageArgs): Promise<void> => {
    const { workspace, name, version, stage, archiveOthers, now } = args;
    await versionRow(tx, args);
    if (archiveOthers) {
      await tx.run(
        `UPDATE model_versions SET stage = 'Archived', last_update_time = ?
         WHERE workspace = ? AND name = ? AND stage = ? AND version <> ?`,
        [now, workspace, name, stage, version],
      );
    }
    await tx.run(
      `UPDATE model_versions SET stage = ?, last_update_time = ?
       WHERE workspace = ? AND name = ? AND version = ?`,
      [stage, now, workspace, name, version],
    );
    await touchModel(tx, args, now);
  },
);

export const deleteVersion = defineCommand(
  "registry.delete-version",
  async (tx, { workspace, name, version, now }: VersionId & { now: number }): Promise<void> => {
    await versionRow(tx, { workspace, name, version });
    const serving = await tx.get(
      "SELECT alias FROM model_aliases WHERE workspace = ? AND name = ? AND version = ? AND projected = 1",
      [workspace, name, version],
    );
    if (serving) throw served(`Version ${version} of ${name} is served and can't be deleted.`);
    for (const table of ["model_version_tags", "model_aliases", "model_versions"]) {
      const sql = `DELETE FROM ${table} WHERE workspace = ? AND name = ? AND version = ?`;
      await tx.run(sql, [workspace, name, version]);
    }
    await touchModel(tx, { workspace, name }, now);
  },
);

export const setVersionTags = defineCommand(
  "registry.set-version-tags",
  async (tx, args: VersionId & { tags: KeyValue[]; now: number }): Promise<void> => {
    await versionRow(tx, args);
    for (const tag of args.tags) {
      await upsertTag(tx, args, tag);
      await tellVersionTag(tx, { ...args, ...tag });
    }
  },
);

export const deleteVersionTag = defineCommand(
  "registry.delete-version-tag",
  async (tx, args: VersionId & { key: string; now: number }): Promise<void> => {
    await versionRow(tx, args);
    await tx.run(
      "DELETE FROM model_version_tags WHERE workspace = ? AND name = ? AND version = ? AND key = ?",
      [args.workspace, args.name, args.version, args.key],
    );
    await tellVersionTag(tx, { ...args, value: null });
  },
);

export const versionCommands = [
  createVersion,
  describeVersion,
  setVersionStage,
  deleteVersion,
  setVersionTags,
  deleteVersionTag,
];

/** A model was updated when one of its versions came, moved or went. */
async function touchModel(tx: Tx, { workspace, name }: ModelId, now: number): Promise<void> {
  const sql = "UPDATE registered_models SET last_update_time = ? WHERE workspace = ? AND name = ?";
  await tx.run(sql, [now, workspace, name]);
}

async function upsertTag(tx: Tx, id: VersionId, { key, value }: KeyValue): Promise<void> {
  await tx.run(
    `INSERT INTO model_version_tags (workspace, name, version, key, value) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (workspace, name, version, key) DO UPDATE SET value = excluded.value`,
    [id.workspace, id.name, id.version, key, value],
  );
}
