import { isOfTenant } from "../tracking/artifacts/tenant-root.ts";
import { isLocalUri } from "../tracking/artifacts/local-uri.ts";
import { artifactPathOf, checkedPath, joinUri } from "../tracking/artifacts/uri.ts";
import { invalid, missing } from "../tracking/wire/errors.ts";

/** A version that a source names. */
export interface NamedVersion {
  name: string;
  version: number;
  runId: string;
  modelId: string;
  isPrompt: boolean;
  /** Below the artifact root. */
  path: string;
}

/** What a version's source may point at. */
export interface SourceLookups {
  /** The tenant within which everything is looked for. */
  workspace: string;
  runArtifactUri(runId: string): Promise<string | undefined>;
  loggedModel(modelId: string): Promise<{ artifactUri: string; sourceRunId: string } | undefined>;
  /** A version by its number, by an alias, or the newest one of a stage or of all; an error when there is none. */
  versionOf(
    name: string,
    which: { version: number } | { alias: string } | { stage: string | undefined },
  ): Promise<NamedVersion>;
}

/**
 * The folder below the artifact root that a version's source names: that of `mlflow-artifacts:/…`,
 * `runs:/<id>/<path>`, `models:/m-<id>` and `models:/<name>/<version>`. "" where the files lie elsewhere (an object
 * store or file system that clients reach by themselves, a run that isn't there): such a version is kept, but can't be
 * served. A way out of the tenant's part of the root is refused with INVALID_PARAMETER_VALUE, and so is a local path
 * unless checkClaim has found it within what the client logged.
 */
export async function resolveSource(
  source: string,
  isPrompt: boolean,
  lookups: SourceLookups,
  options: { isClaim?: boolean } = {},
): Promise<string> {
  if (isPrompt) return "";
  if (source.includes("#")) throw refused(source, "it has a fragment");
  const direct = artifactPathOf(source);
  if (direct !== undefined) {
    if (direct === "") throw refused(source, "it names the whole artifact root");
    if (!isOfTenant(direct, lookups.workspace)) throw refused(source, "it belongs to another workspace");
    return direct;
  }
  const run = /^runs:\/([\w-]{1,256})\/(.+)$/.exec(source);
  if (run?.[1] && run[2]) {
    const uri = await lookups.runArtifactUri(run[1]);
    return uri === undefined ? "" : below(uri, run[2].replace(/\/+$/, ""), source);
  }
  const logged = /^models:\/(m-[\w-]{1,256})$/.exec(source)?.[1];
  if (logged) {
    const model = await lookups.loggedModel(logged);
    if (model === undefined) throw missing(`Logged model with ID '${logged}' not found.`);
    return below(model.artifactUri, "", source);
  }
  const version = /^models:\/([^/]+)\/(\d{1,15})$/.exec(source);
  if (version?.[1] && version[2]) {
    return (await lookups.versionOf(version[1], { version: Number(version[2]) })).path;
  }
  if (options.isClaim !== true && isLocalUri(source)) throw refused(source, "it is a local path");
  return "";
}

function below(uri: string, path: string, source: string): string {
  const root = artifactPathOf(uri);
  if (root === undefined) return "";
  return path === "" ? root : joinUri(root, checkedPath(path, source));
}

function refused(source: string, why: string): Error {
  return invalid(`Invalid model version source: '${source}': ${why}.`);
}
