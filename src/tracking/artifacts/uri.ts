import { checkBlobPath } from "../../store/blob-path.ts";
import { SlipwayError } from "../../http/errors.ts";
import { invalid } from "../wire/errors.ts";
import { isLocalUri, resolveLocalUri } from "./local-uri.ts";

const PROXIED = "mlflow-artifacts:";
/** Longer than any address of a file below the artifact root may be. */
export const MAX_URI = 4_096;
/** Stores that clients write to by themselves; the platform never opens such an address. */
const CLIENT_SIDE = /^(s3|gs|wasbs?|abfss?|dbfs|hdfs|viewfs):\/\/?[^?#\\]+$/;

/** Path below the artifact root of a `mlflow-artifacts:` URI; undefined when the URI is of another kind. */
export function artifactPathOf(uri: string): string | undefined {
  if (!uri.startsWith(PROXIED)) return undefined;
  if (uri.length > MAX_URI || /[?#]/.test(uri))
    throw invalid(`Invalid artifact URI: '${uri.slice(0, MAX_URI)}'.`);
  // In steps that each read the text once: one expression for all would try every way to share out the slashes.
  const path = uri
    .slice(PROXIED.length)
    .replace(/^\/\/[^/]*/, "")
    .replace(/^\/+/, "");
  return checkedPath(path.replace(/\/$/, ""), uri);
}

/**
 * A checked `artifact_location` of an experiment, or root of new ones: ours, an object store's, or a place in the
 * clients' own file system (a relative one lies below `workingDir`).
 */
export function checkArtifactLocation(given: string, workingDir: string): string {
  if (given.length > MAX_URI) throw tooLong();
  const uri = isLocalUri(given) ? resolveLocalUri(given, workingDir) : given;
  if (uri.length > MAX_URI) throw tooLong();
  if (uri !== given || isLocalUri(uri) || artifactPathOf(uri) !== undefined) return uri;
  if (CLIENT_SIDE.test(uri) && !/(^|\/)\.{1,2}(\/|$)/.test(decoded(uri))) return uri;
  throw invalid(
    `Invalid artifact location: '${uri}'. It must be a mlflow-artifacts: URI, one of an object store, or a local path, without query, fragment or '..'.`,
  );
}

function tooLong(): SlipwayError {
  return invalid(`An artifact location has at most ${MAX_URI} characters.`);
}

/** `uri` with further names behind it. */
export function joinUri(uri: string, ...names: string[]): string {
  return [uri.endsWith("/") ? uri.slice(0, -1) : uri, ...names].join("/");
}

/** checkBlobPath, with an error in MLflow's words that names the URI. */
export function checkedPath(path: string, uri: string): string {
  // As in MLflow: what stands behind a `#` would be cut off by whoever reads the path as a part of an address.
  if (path.includes("#")) throw invalid(`Invalid path in '${uri}': it contains a \`#\`.`);
  try {
    return checkBlobPath(path);
  } catch (error) {
    if (error instanceof SlipwayError) throw invalid(`Invalid path in '${uri}': ${error.message}.`);
    throw error;
  }
}

/** A path that a request names, or MLflow's refusal, which says no more than this. */
export function requestedPath(path: string): string {
  try {
    return checkedPath(path, path);
  } catch (error) {
    if (error instanceof SlipwayError) throw invalid("Invalid path");
    throw error;
  }
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(decodeURIComponent(uri));
  } catch {
    return uri;
  }
}
