import { SlipwayError } from "../http/errors.ts";
import { foreignHost, isLocalUri, localPathOf } from "../tracking/artifacts/local-uri.ts";
import { artifactPathOf, MAX_URI } from "../tracking/artifacts/uri.ts";
import { invalid } from "../tracking/wire/errors.ts";
import type { SourceLookups } from "./source.ts";

/** What a client says about a new version's files. */
export interface Claim {
  source: string;
  runId: string;
  modelId: string;
  /** Whether the client named them at all. */
  hasRunId: boolean;
  hasModelId: boolean;
}

/** A claim that holds: a source that names another version has become `models:/<name>/<version>`. */
export type Lineage = Pick<Claim, "source" | "runId" | "modelId">;

/** What MLflow's own clients give as the source of a prompt, whose text is in a tag. */
const PROMPT_SOURCES = new Set(["dummy-source", "prompt-template"]);

/** Schemes that would make a server connect to the host that the URI names. */
const HOST_SCHEMES = new Set(["ftp", "sftp", "hdfs", "viewfs", "http", "https", "r2", "b2", "abfss"]);

/**
 * Checks a client's source as MLflow 3.17 does: files below the artifact root must belong to the run or the logged
 * model that the client names, and so must a place in the client's own file system; nothing relative, no other host.
 * INVALID_PARAMETER_VALUE says which
 * rule it breaks; RESOURCE_DOES_NOT_EXIST that a version it names isn't there.
 */
export async function checkClaim(
  claim: Claim,
  isPrompt: boolean,
  lookups: SourceLookups,
  pattern?: RegExp,
): Promise<Lineage> {
  const { source } = claim;
  // Before all else: some rules below take time with the square of the length.
  if (source.length > MAX_URI) throw invalid(`A source has at most ${MAX_URI} characters.`);
  if (pattern && !pattern.test(source)) throw invalid(`Invalid model version source: '${source}'.`);
  if (isPrompt) {
    if (PROMPT_SOURCES.has(source)) return claim;
    throw invalid(`Invalid prompt source: '${source}'. Prompt sources must use an MLflow placeholder.`);
  }
  checkScheme(source);
  if (source.includes("#")) throw invalid(`Invalid model version source: '${source}': it has a fragment.`);
  const lineage = await lineageOf(claim, lookups);
  const owner = lineage.modelId === "" ? "run_id" : "model_id";
  if (isLocalUri(lineage.source)) {
    await checkLocal(lineage, owner, lookups);
    return lineage;
  }
  checkAbsolute(lineage.source);
  await checkOwner(lineage, owner, lookups);
  return lineage;
}

function schemeOf(source: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase() ?? "";
  // A Windows drive is no scheme.
  return scheme.length === 1 ? "" : scheme;
}

function checkScheme(source: string): void {
  const scheme = schemeOf(source);
  const namesHost = scheme === "mlflow-artifacts" && /^[^:]*:\/\/[^/]/.test(source);
  if (!namesHost && !HOST_SCHEMES.has(scheme)) return;
  throw invalid(
    `'source' cannot use the '${scheme}' scheme: the '${scheme}' scheme addresses a host other than the tracking ` +
      "server's configured artifact storage, so the server would connect to the host named in the URI.",
  );
}

/** `models:/<name>/<version, stage or latest>` and `models:/<name>@<alias>` become the version they mean now. */
async function lineageOf(claim: Claim, lookups: SourceLookups): Promise<Lineage> {
  const { source, runId, modelId } = claim;
  if (schemeOf(source) !== "models") return claim;
  const [, name = "", suffix] = /^models:\/+([^/]+?)(?:\/([^/]*))?$/i.exec(source) ?? [];
  if (name === "" || suffix === "" || source.startsWith("models://")) throw notContained(source, "model_id");
  const at = suffix === undefined ? name.lastIndexOf("@") : -1;
  if (suffix === undefined && at <= 0) return claim;
  const version =
    suffix === undefined
      ? await lookups.versionOf(name.slice(0, at), { alias: name.slice(at + 1) })
      : await lookups.versionOf(name, suffixOf(suffix));
  if (version.isPrompt) {
    throw invalid(
      `Invalid model version source: '${source}'. Prompt versions cannot be used as model version sources.`,
    );
  }
  if ((claim.hasRunId && runId !== version.runId) || (claim.hasModelId && modelId !== version.modelId)) {
    throw invalid(
      `Invalid model version source: '${source}'. The run_id and model_id request parameters must match the ` +
        "referenced model version.",
    );
  }
  return {
    source: `models:/${version.name}/${version.version}`,
    runId: version.runId,
    modelId: version.modelId,
  };
}

function suffixOf(suffix: string): { version: number } | { stage: string | undefined } {
  if (/^\d{1,15}$/.test(suffix)) return { version: Number(suffix) };
  return { stage: suffix.toLowerCase() === "latest" ? undefined : suffix };
}

/** A local path is the client's own, and only good within what the client has put into its run or logged model. */
async function checkLocal(
  lineage: Lineage,
  owner: "run_id" | "model_id",
  lookups: SourceLookups,
): Promise<void> {
  const { source } = lineage;
  if (foreignHost(source) !== undefined) {
    // MLflow's status: what it can't parse is an internal error to it, and its tests ask for that.
    throw new SlipwayError("MLFLOW_INTERNAL_ERROR", `${source} is not a valid remote uri.`, {
      hint: "Name a path of the client's machine, or a URI that the artifact store understands.",
    });
  }
  const path = localPathOf(source);
  const isOwned = lineage.runId !== "" || lineage.modelId !== "";
  const root = await ownerUri(lineage, lookups);
  if (isOwned && root === undefined) throw notContained(source, owner);
  const folder = root === undefined ? undefined : localPathOf(root);
  if (path !== undefined && folder !== undefined && `${path}/`.startsWith(`${folder}/`)) return;
  throw invalid(
    `Invalid model version source: '${isOwned ? (path ?? source) : source}'. To use a local path as a model version source, the ${owner} ` +
      "request parameter has to be specified and the local path has to be contained within the artifact directory " +
      `of the run specified by the ${owner}.`,
  );
}

/** No relative part, however often it is encoded. */
function checkAbsolute(source: string): void {
  let text = source;
  for (let decoded = unquote(text); decoded !== text; decoded = unquote(text)) text = decoded;
  const path = text.replace(/^[a-z][a-z0-9+.-]*:(\/\/[^/]*)?/i, "").replace(/[?#].*$/s, "");
  // A decoded question mark doesn't end a path for whoever decodes less often.
  const isPlain = path.startsWith("/") && !path.split("/").includes(".") && !text.split("/").includes("..");
  if (isPlain && /[^/]/.test(path) && !text.includes("\0") && !text.includes("\\")) return;
  throw invalid(
    `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, ` +
      "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references " +
      "present. Please provide an absolute path.",
  );
}

function unquote(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => {
    const byte = Number.parseInt(code.slice(1), 16);
    return byte < 0x80 ? String.fromCharCode(byte) : code;
  });
}

async function checkOwner(
  { source, runId, modelId }: Lineage,
  owner: "run_id" | "model_id",
  lookups: SourceLookups,
): Promise<void> {
  switch (schemeOf(source)) {
    case "runs": {
      const named = /^runs:\/([^/]+)\/[^/]/.exec(source)?.[1];
      if (modelId === "" && runId !== "" && named === runId) return;
      throw notContained(source, owner);
    }
    case "models": {
      const named = /^models:\/([^/]+)$/.exec(source)?.[1];
      if (named === undefined || (modelId !== "" && named === modelId)) return;
      throw notContained(source, "model_id");
    }
    case "mlflow-artifacts": {
      const root = await ownerUri({ runId, modelId }, lookups);
      if (root !== undefined && isWithin(source, root)) return;
      throw notContained(source, owner);
    }
    default:
  }
}

/** Where the files of the run or logged model lie that the client names. */
async function ownerUri(
  { runId, modelId }: Pick<Lineage, "runId" | "modelId">,
  lookups: SourceLookups,
): Promise<string | undefined> {
  if (modelId !== "") return (await lookups.loggedModel(modelId))?.artifactUri;
  return runId === "" ? undefined : lookups.runArtifactUri(runId);
}

function isWithin(source: string, root: string): boolean {
  const [path, folder] = [artifactPathOf(source), artifactPathOf(root)];
  return path !== undefined && folder !== undefined && `${path}/`.startsWith(`${folder}/`);
}

function notContained(source: string, owner: "run_id" | "model_id"): Error {
  return invalid(
    `Invalid model version source: '${source}'. The ${owner} request parameter must identify the resource that ` +
      "contains the source.",
  );
}
