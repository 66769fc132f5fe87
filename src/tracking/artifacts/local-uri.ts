import { posix } from "node:path";
import { invalid } from "../wire/errors.ts";

/** `file:` without a host, or with one that means this machine; what follows is the path. */
const FILE = /^file:(?:\/\/(?<host>[^/]*))?(?<path>.*)$/s;
const OWN_HOST = /^(localhost|127\.0\.0\.1)?(:\d+)?$/i;
/** A Windows drive has one letter and is no scheme. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;
const LOOKS_LIKE_SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/**
 * Whether a client takes the URI for a place in its own file system: `file:…`, or a path without a scheme. Such places
 * are the client's: the platform keeps the text and never opens what it names.
 */
export function isLocalUri(uri: string): boolean {
  return /^file:/i.test(uri) || !SCHEME.test(uri);
}

/** The host of a `file:` URI when it is another machine; undefined for every other local URI. */
export function foreignHost(uri: string): string | undefined {
  const host = FILE.exec(uri)?.groups?.["host"];
  return host === undefined || OWN_HOST.test(host) ? undefined : host;
}

/**
 * The absolute path that a client opens for a local URI, `.` and `..` resolved by their names alone; undefined when the
 * URI isn't local, isn't absolute, or names another machine.
 */
export function localPathOf(uri: string): string | undefined {
  if (!isLocalUri(uri) || foreignHost(uri) !== undefined) return undefined;
  const path = decodedOnce(pathIn(uri));
  if (!path.startsWith("/") || path.includes("\0")) return undefined;
  // POSIX lets a path that begins with two slashes mean something else; no client does.
  return posix
    .normalize(path)
    .replace(/^\/+/, "/")
    .replace(/(?<=.)\/$/, "");
}

/**
 * A local `artifact_location` as it is kept: a relative one lies below `workingDir`, as for MLflow's server. Refuses
 * what could mean two places (`..`, a query, a fragment, a host, another system's separators).
 */
export function resolveLocalUri(uri: string, workingDir: string): string {
  const host = foreignHost(uri);
  if (host !== undefined)
    throw invalid(`Invalid artifact location: '${uri}'. A file: URI can't name the host '${host}'.`);
  const path = pathIn(uri);
  let decoded = path;
  for (let inner = decodedOnce(decoded); inner !== decoded; inner = decodedOnce(decoded)) decoded = inner;
  // oxlint-disable-next-line no-control-regex
  const isPlain = !/[?#;\\\u0000-\u001f\u007f]/.test(path) && !/[\u0000\\]/.test(decoded);
  if (!isPlain || LOOKS_LIKE_SCHEME.test(path) || decoded.split("/").includes(".."))
    throw invalid(
      `Invalid artifact location: '${uri}'. A local one is a path or file:///path, without '..', query, fragment, ';' or '\\'.`,
    );
  if (path.startsWith("/")) return uri;
  const below = posix.join(workingDir, path);
  return uri.startsWith("file:") ? `file://${below}` : below;
}

function pathIn(uri: string): string {
  return uri.startsWith("file:") ? (FILE.exec(uri)?.groups?.["path"] ?? "") : uri;
}

/** Percent-decoded once, as clients do before they open a path; what isn't UTF-8 stays as it is. */
function decodedOnce(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}
