import { isOfTenant } from "../tracking/artifacts/tenant-root.ts";
import { artifactPathOf, checkedPath, joinUri } from "../tracking/artifacts/uri.ts";
import { invalid, missing } from "../tracking/wire/errors.ts";

/** What a version's source may point at. */
export interface SourceLookups {
  /** The tenant within which everything is looked for. */
  workspace: string;
  runArtifactUri(runId: string): Promise<string | undefined>;
  loggedModelArtifactUri(modelId: string): Promise<string | undefined>;
  /** Path below the artifact root of another version. */
  versionPath(model: string, version: number): Promise<string | undefined>;
}

/** A prompt's text is in a tag; MLflow's clients give a word such as `dummy-source`, which is never looked up. */
const PROMPT_SOURCE = /^[\w-]{1,100}$/;

/**
 * The folder below the artifact root that a version's source names. Taken are `mlflow-artifacts:/…`,
 * `runs:/<id>/<path>`, `models:/m-<id>` and `models:/<name>/<version>`; a local file, another host or a way
 * up out of the root is refused with INVALID_PARAMETER_VALUE.
 */
export async function resolveSource(
  source: string,
  isPrompt: boolean,
  lookups: SourceLookups,
): Promise<string> {
  if (isPrompt && PROMPT_SOURCE.test(source)) return "";
  if (/[#?]/.test(source)) throw refused(source, "it has a query or a fragment");
  const direct = artifactPathOf(source);
  if (direct !== undefined) {
    if (direct === "") throw refused(source, "it names the whole artifact root");
    if (!isOfTenant(direct, lookups.workspace)) throw refused(source, "it belongs to another workspace");
    return direct;
  }
  const run = /^runs:\/([\w-]{1,256})\/(.+)$/.exec(source);
  if (run?.[1] && run[2]) {
    const uri = await lookups.runArtifactUri(run[1]);
    if (uri === undefined) throw missing(`Run with id=${run[1]} not found`);
    return below(uri, run[2].replace(/\/$/, ""), source);
  }
  const logged = /^models:\/(m-[\w-]{1,256})$/.exec(source)?.[1];
  if (logged) {
    const uri = await lookups.loggedModelArtifactUri(logged);
    if (uri === undefined) throw missing(`Logged model with ID '${logged}' not found.`);
    return below(uri, "", source);
  }
  const version = /^models:\/([^/]+)\/(\d{1,15})$/.exec(source);
  if (version?.[1] && version[2]) {
    const path = await lookups.versionPath(version[1], Number(version[2]));
    if (path === undefined)
      throw missing(`Model Version (name=${version[1]}, version=${version[2]}) not found`);
    return path;
  }
  throw refused(source, "it must be mlflow-artifacts:/…, runs:/<run id>/<path> or models:/m-<id>");
}

function below(uri: string, path: string, source: string): string {
  const root = artifactPathOf(uri);
  if (root === undefined) throw refused(source, "its files lie in a store that clients write by themselves");
  return path === "" ? root : joinUri(root, checkedPath(path, source));
}

function refused(source: string, why: string): Error {
  return invalid(`Invalid model version source: '${source}': ${why}.`);
}
