import { defineCommand, type Tx } from "../store/database.ts";
import { findModel, findVersion, type ModelId } from "../registry/queries.ts";
import type { RegisteredModelIn, VersionIn } from "./wire.ts";

/** A version with the folder below the artifact root that holds its files; "" where there is none. */
export type PlacedVersion = VersionIn & { artifactPath: string };

interface Args {
  workspace: string;
  model: Omit<RegisteredModelIn, "versions">;
  versions: PlacedVersion[];
}

/**
 * Brings a registered model or a prompt with its versions and aliases, or brings it up to date. Answers what it left
 * as it is here: versions that are others, aliases that say what is served.
 */
export const importRegisteredModel = defineCommand(
  "imports.registered-model",
  async (tx, { workspace, model, versions }: Args): Promise<string[]> => {
    const id = { workspace, name: model.name };
    await putModel(tx, id, model);
    const left: string[] = [];
    for (const version of versions) {
      const here = await findVersion(tx, { ...id, version: version.version });
      if (here && (here.run_id !== version.runId || here.creation_time !== version.createdAt)) {
        left.push(`version ${version.version} is another one here`);
        continue;
      }
      await putVersion(tx, id, version, here !== undefined);
    }
    const last = Math.max(0, ...versions.map(({ version }) => version));
    await tx.run(
      "UPDATE registered_models SET last_version = ? WHERE workspace = ? AND name = ? AND last_version < ?",
      [last, workspace, model.name, last],
    );
    for (const { alias, version } of model.aliases) {
      const words = await putAlias(tx, id, alias, version);
      if (words !== undefined) left.push(words);
    }
    return left;
  },
);

async function putModel(tx: Tx, id: ModelId, model: Args["model"]): Promise<void> {
  await tx.run(
    `INSERT INTO registered_models (workspace, name, description, creation_time, last_update_time, last_version)
     VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (workspace, name) DO UPDATE SET
       description = CASE WHEN excluded.description = '' THEN registered_models.description ELSE excluded.description END,
       last_update_time = CASE WHEN excluded.last_update_time > registered_models.last_update_time
         THEN excluded.last_update_time ELSE registered_models.last_update_time END`,
    [id.workspace, id.name, model.description, model.createdAt, model.updatedAt],
  );
  for (const { key, value } of model.tags) {
    await tx.run(
      `INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (workspace, name, key) DO UPDATE SET value = excluded.value`,
      [id.workspace, id.name, key, value],
    );
  }
}

async function putVersion(tx: Tx, id: ModelId, version: PlacedVersion, isKnown: boolean): Promise<void> {
  const where = [id.workspace, id.name, version.version];
  if (isKnown) {
    await tx.run(
      `UPDATE model_versions SET description = ?, stage = ?, status = ?, source = ?, artifact_path = ?,
         last_update_time = ? WHERE workspace = ? AND name = ? AND version = ?`,
      [
        version.description,
        version.stage,
        version.status,
        version.source,
        version.artifactPath,
        version.updatedAt,
        ...where,
      ],
    );
  } else {
    await tx.run(
      `INSERT INTO model_versions (workspace, name, version, description, user_id, stage, source, artifact_path,
         run_id, run_link, model_id, status, creation_time, last_update_time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        ...where,
        version.description,
        version.user,
        version.stage,
        version.source,
        version.artifactPath,
        version.runId,
        version.runLink,
        version.modelId,
        version.status,
        version.createdAt,
        version.updatedAt,
      ],
    );
  }
  for (const { key, value } of version.tags) {
    await tx.run(
      `INSERT INTO model_version_tags (workspace, name, version, key, value) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (workspace, name, version, key) DO UPDATE SET value = excluded.value`,
      [...where, key, value],
    );
  }
}

/** Sets an alias; what a rollout says is left, and said. */
async function putAlias(tx: Tx, id: ModelId, alias: string, version: number): Promise<string | undefined> {
  // A part of the versions may be still to come; the model is sent again with it.
  if (!(await findModel(tx, id)) || !(await findVersion(tx, { ...id, version }))) return undefined;
  const { changes } = await tx.run(
    `INSERT INTO model_aliases (workspace, name, alias, version, projected) VALUES (?, ?, ?, ?, 0)
     ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version
       WHERE model_aliases.projected = 0`,
    [id.workspace, id.name, alias, version],
  );
  return changes === 0 ? `the alias ${alias} says what is served here` : undefined;
}
