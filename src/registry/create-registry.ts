import { DEFAULT_TENANT } from "../http/identity.ts";
import { SlipwayError } from "../http/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { setAlias } from "./alias-commands.ts";
import type { RegistryDeps } from "./deps.ts";
import { createModel } from "./model-commands.ts";
import { findVersion, VERSION_COLUMNS, versionExtras, versionKey, type VersionRow } from "./queries.ts";
import type { ChampionHandler, ModelVersion, Registry } from "./registry.ts";
import { PROMPT_TAG } from "./prompts.ts";
import { resolveSource, type SourceLookups } from "./source.ts";
import { createVersion, setVersionTags } from "./version-commands.ts";
import type { ReadTx } from "../store/database.ts";

/** What a client or the platform registers. */
interface NewVersion {
  workspace: string;
  name: string;
  source: string;
  runId: string;
  runLink?: string;
  modelId?: string;
  description?: string;
  tags: KeyValue[];
  reuse: boolean;
}

/** The registry, and what its routes need beyond the interface. */
export interface RegistryCore extends Registry {
  register(version: NewVersion): Promise<number>;
  /** Folder below the artifact root of a tenant's version; undefined when there is none. */
  versionPath(workspace: string, model: string, version: number): Promise<string | undefined>;
  /** Undefined until the composition root has set it. */
  championHandler(): ChampionHandler | undefined;
}

/** The registry; the interface is that of one tenant, the default one unless another is named. */
export function createRegistry(deps: RegistryDeps & { workspace?: string }): RegistryCore {
  const { db, clock, workspace = DEFAULT_TENANT } = deps;
  const lookups = (tenant: string): SourceLookups => ({
    workspace: tenant,
    runArtifactUri: (id) => deps.artifactUris.ofRun(tenant, id),
    loggedModelArtifactUri: (id) => deps.artifactUris.ofLoggedModel(tenant, id),
    versionPath: async (name, version) =>
      (await db.read((tx) => findVersion(tx, { workspace: tenant, name, version })))?.artifact_path,
  });
  let handler: ChampionHandler | undefined;

  async function register(version: NewVersion): Promise<number> {
    const isPrompt = version.tags.some(({ key, value }) => key === PROMPT_TAG && value === "true");
    const artifactPath = await resolveSource(version.source, isPrompt, lookups(version.workspace));
    return db.write(createVersion, {
      workspace: version.workspace,
      name: version.name,
      source: version.source,
      artifactPath,
      runId: version.runId,
      runLink: version.runLink ?? "",
      modelId: version.modelId ?? /^models:\/(m-[\w-]+)$/.exec(version.source)?.[1] ?? "",
      description: version.description ?? "",
      userId: "",
      tags: version.tags,
      now: clock.now(),
      reuse: version.reuse,
    });
  }

  const get = (name: string, version: number): Promise<ModelVersion | undefined> =>
    db.read(async (tx) => (await asVersions(tx, [await findVersion(tx, { workspace, name, version })]))[0]);

  return {
    register,
    versionPath: (tenant, model, version) => lookups(tenant).versionPath(model, version),
    championHandler: () => handler,
    onChampionRequested(given) {
      if (handler) throw new SlipwayError("INTERNAL", "the champion handler is set twice");
      handler = given;
    },
    ensureModel: (name) =>
      db.write(createModel, {
        workspace,
        name,
        description: "",
        tags: [],
        now: clock.now(),
        ifMissing: true,
      }),
    async createVersion({ model, source, runId, tags }) {
      const version = await register({
        workspace,
        name: model,
        source,
        runId,
        tags: entries(tags),
        reuse: true,
      });
      const made = await get(model, version);
      if (!made) throw new SlipwayError("NOT_FOUND", `version ${version} of ${model} was deleted meanwhile`);
      return made;
    },
    getVersion: get,
    listVersions: (model, limit) =>
      db.read(async (tx) => {
        const sql = `SELECT ${VERSION_COLUMNS} FROM model_versions v WHERE workspace = ? AND name = ?
          ORDER BY version DESC LIMIT ?`;
        return asVersions(tx, await tx.all<VersionRow>(sql, [workspace, model, limit]));
      }),
    setVersionTags: (model, version, tags) =>
      db.write(setVersionTags, { workspace, name: model, version, tags: entries(tags), now: clock.now() }),
    projectAlias: (model, alias, version) =>
      db.write(setAlias, { workspace, name: model, alias, version, projected: true, now: clock.now() }),
  };
}

async function asVersions(tx: ReadTx, found: readonly (VersionRow | undefined)[]): Promise<ModelVersion[]> {
  const rows = found.filter((row) => row !== undefined);
  const { tags, aliases } = await versionExtras(tx, rows);
  return rows.map((row) => ({
    model: row.name,
    version: row.version,
    source: row.source,
    artifactPath: row.artifact_path,
    runId: row.run_id,
    createdAt: row.creation_time,
    aliases: aliases.get(versionKey(row)) ?? [],
    tags: Object.fromEntries((tags.get(versionKey(row)) ?? []).map(({ key, value }) => [key, value])),
  }));
}

function entries(record: Record<string, string>): KeyValue[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}
