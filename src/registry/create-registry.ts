import { DEFAULT_TENANT } from "../http/identity.ts";
import { SlipwayError } from "../http/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { setAlias } from "./alias-commands.ts";
import type { RegistryDeps } from "./deps.ts";
import { namedVersion } from "./named-version.ts";
import { createModel } from "./model-commands.ts";
import { findVersion, VERSION_COLUMNS, versionExtras, versionKey, type VersionRow } from "./queries.ts";
import type { ChampionHandler, ModelVersion, Registry } from "./registry.ts";
import { PROMPT_TAG } from "./prompts.ts";
import { checkClaim, type Claim } from "./source-rules.ts";
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
  /** A client's version, once its source was checked against what the client says. */
  registerClaim(version: Omit<NewVersion, "reuse"> & Claim): Promise<number>;
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
    loggedModel: (id) => deps.artifactUris.ofLoggedModel(tenant, id),
    versionOf: (name, which) => db.read((tx) => namedVersion(tx, { workspace: tenant, name }, which)),
  });
  let handler: ChampionHandler | undefined;

  async function register(version: NewVersion, options: { isClaim?: boolean } = {}): Promise<number> {
    const look = lookups(version.workspace);
    const artifactPath = await resolveSource(version.source, isPrompt(version), look, options);
    const modelId = version.modelId || (/^models:\/(m-[\w-]+)$/.exec(version.source)?.[1] ?? "");
    const logged = modelId === "" ? undefined : await look.loggedModel(modelId);
    return db.write(createVersion, {
      workspace: version.workspace,
      name: version.name,
      source: version.source,
      artifactPath,
      runId: version.runId || (logged?.sourceRunId ?? ""),
      runLink: version.runLink ?? "",
      modelId,
      description: version.description ?? "",
      userId: "",
      tags: version.tags,
      now: clock.now(),
      reuse: version.reuse,
    });
  }

  const get = (name: string, version: number): Promise<ModelVersion | undefined> =>
    db.read(async (tx) => (await asVersions(tx, [await findVersion(tx, { workspace, name, version })]))[0]);

  async function registerClaim(claim: Omit<NewVersion, "reuse"> & Claim): Promise<number> {
    const { workspace: tenant, name } = claim;
    const lineage = await checkClaim(claim, isPrompt(claim), lookups(tenant), deps.sourcePattern);
    const version = await register({ ...claim, ...lineage, reuse: false }, { isClaim: true });
    if (lineage.modelId !== "")
      await deps.artifactUris.noteVersion(tenant, lineage.modelId, { name, version });
    return version;
  }

  return {
    registerClaim,
    versionPath: async (tenant, name, version) =>
      (await db.read((tx) => findVersion(tx, { workspace: tenant, name, version })))?.artifact_path,
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

/** Tags count by key, the last one of each; as MLflow, in any case. */
function isPrompt({ tags }: Pick<NewVersion, "tags">): boolean {
  return tags.findLast(({ key }) => key === PROMPT_TAG)?.value.toLowerCase() === "true";
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
