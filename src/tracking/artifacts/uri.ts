import { checkBlobPath } from "../../store/blob-path.ts";
import { SlipwayError } from "../../http/errors.ts";
import { invalid } from "../wire/errors.ts";

const PROXIED = /^mlflow-artifacts:(?:\/\/[^/?#]*)?\/*([^?#]*)$/;
/** Stores that clients write to by themselves; the platform never opens such an address. */
const CLIENT_SIDE = /^(s3|gs|wasbs?|abfss?|dbfs|hdfs|viewfs):\/\/?[^?#\\]+$/;

/** Path below the artifact root of a `mlflow-artifacts:` URI; undefined when the URI is of another kind. */
export function artifactPathOf(uri: string): string | undefined {
  const path = PROXIED.exec(uri)?.[1];
  if (path === undefined) {
    if (uri.startsWith("mlflow-artifacts:")) throw invalid(`Invalid artifact URI: '${uri}'.`);
    return undefined;
  }
  return checkedPath(path.replace(/\/$/, ""), uri);
}

/** A checked `artifact_location` of an experiment. */
export function checkArtifactLocation(uri: string): string {
  if (artifactPathOf(uri) !== undefined) return uri;
  if (CLIENT_SIDE.test(uri) && !/(^|\/)\.{1,2}(\/|$)/.test(decoded(uri))) return uri;
  throw invalid(
    `Invalid artifact location: '${uri}'. It must be a mlflow-artifacts: URI, or one of an object store, without query, fragment or '..'.`,
  );
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
