import { defineCommand, type Tx } from "../store/database.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { modelRow, versionRow } from "./queries.ts";
import { served } from "./served.ts";

interface CreateArgs {
  name: string;
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
    await modelRow(tx, args.name);
    const version = (args.reuse ? await sameVersion(tx, args) : undefined) ?? (await insertVersion(tx, args));
    for (const tag of args.tags) await upsertTag(tx, args.name, version, tag);
    return version;
  },
);

async function sameVersion(tx: Tx, { name, runId, artifactPath }: CreateArgs): Promise<number | undefined> {
  const row = await tx.get<{ version: number }>(
    `SELECT version FROM model_versions WHERE run_id = ? AND name = ? AND artifact_path = ?
     ORDER BY version DESC LIMIT 1`,
    [runId, name, artifactPath],
  );
  return row?.version;
}

async function insertVersion(tx: Tx, args: CreateArgs): Promise<number> {
  const row = await tx.get<{ last_version: number }>(
    `UPDATE registered_models SET last_version = last_version + 1, last_update_time = ?
     WHERE workspace = 'default' AND name = ? RETURNING last_version`,
    [args.now, args.name],
  );
  const version = row?.last_version ?? 0;
  await tx.run(
    `INSERT INTO model_versions (name, version, description, user_id, stage, source, artifact_path, run_id, run_link,
       model_id, status, creation_time, last_update_time)
     VALUES (?, ?, ?, ?, 'None', ?, ?, ?, ?, ?, 'READY', ?, ?)`,
    [
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
  async (tx, args: { name: string; version: number; description: string; now: number }): Promise<void> => {
    await versionRow(tx, args.name, args.version);
    await tx.run(
      "UPDATE model_versions SET description = ?, last_update_time = ? WHERE name = ? AND version = ?",
      [args.description, args.now, args.name, args.version],
    );
  },
);

interface StageArgs {
  name: string;
  version: number;
  stage: string;
  archiveOthers: boolean;
  now: number;
}

export const setVersionStage = defineCommand(
  "registry.set-version-stage",
  async (tx, { name, version, stage, archiveOthers, now }: StageArgs): Promise<void> => {
    await versionRow(tx, name, version);
    if (archiveOthers) {
      await tx.run(
        "UPDATE model_versions SET stage = 'Archived', last_update_time = ? WHERE name = ? AND stage = ? AND version <> ?",
        [now, name, stage, version],
      );
    }
    await tx.run("UPDATE model_versions SET stage = ?, last_update_time = ? WHERE name = ? AND version = ?", [
      stage,
      now,
      name,
      version,
    ]);
  },
);

export const deleteVersion = defineCommand(
  "registry.delete-version",
  async (tx, { name, version }: { name: string; version: number }): Promise<void> => {
    await versionRow(tx, name, version);
    const serving = await tx.get(
      "SELECT alias FROM model_aliases WHERE name = ? AND version = ? AND projected = 1",
      [name, version],
    );
    if (serving) throw served(`Version ${version} of ${name} is served and can't be deleted.`);
    for (const table of ["model_version_tags", "model_aliases", "model_versions"]) {
      await tx.run(`DELETE FROM ${table} WHERE name = ? AND version = ?`, [name, version]);
    }
  },
);

export const setVersionTags = defineCommand(
  "registry.set-version-tags",
  async (tx, args: { name: string; version: number; tags: KeyValue[] }): Promise<void> => {
    await versionRow(tx, args.name, args.version);
    for (const tag of args.tags) await upsertTag(tx, args.name, args.version, tag);
  },
);

export const deleteVersionTag = defineCommand(
  "registry.delete-version-tag",
  async (tx, args: { name: string; version: number; key: string }): Promise<void> => {
    await versionRow(tx, args.name, args.version);
    await tx.run("DELETE FROM model_version_tags WHERE name = ? AND version = ? AND key = ?", [
      args.name,
      args.version,
      args.key,
    ]);
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

async function upsertTag(tx: Tx, name: string, version: number, { key, value }: KeyValue): Promise<void> {
  await tx.run(
    `INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)
     ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value`,
    [name, version, key, value],
  );
}
