import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { apiError, statusOf } from "./api-error.ts";
import { addressOf, attemptOf } from "./client.ts";
import type { ClusterClient, LiveObject, Selection } from "./client.ts";
import type { ApiResource } from "./discovery.ts";
import { JsonLines } from "./json-lines.ts";
import type { OpenStream, OpenedStream } from "./stream.ts";

export interface WatchDeps {
  client: ClusterClient;
  open: OpenStream;
  clock: Clock;
  /** Told of what passes by itself, such as a server that is away, each time it is tried again. */
  onTrouble?(error: Error): void;
}

export interface Watched extends Selection {
  apiVersion: string;
  kind: string;
}

/** What is to be known of a kind's objects. */
export type WatchEvent =
  /** All that is there: first of all, and again after changes were missed. What isn't named is gone. */
  { type: "listed"; objects: LiveObject[] } | { type: "added" | "modified" | "deleted"; object: LiveObject };

/** For how long one watch goes on, by the server; then the next goes on from where it was. */
const WATCH_SECONDS = 240;
/** The server ends a watch itself; one that is silent beyond that is lost. */
const QUIET_MS = (WATCH_SECONDS + 20) * 1_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** Of an error's words. */
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Objects of one kind and how they change, without end, until the signal is aborted (it then returns). The whole state
 * comes first; a connection that is lost is taken up again at the last version seen (bookmarks keep that fresh), and
 * where the server has forgotten that version (410 Gone), the whole state comes again. Nothing is buffered here beyond
 * one line: who reads slowly slows the server down, which may then end the watch, and it goes on as above.
 *
 * Throws what doesn't pass: CLUSTER_KIND_MISSING, CLUSTER_FORBIDDEN, CLUSTER_UNAUTHORIZED.
 * Kubernetes API concepts, "Efficient detection of changes".
 */
export async function* watchObjects(
  deps: WatchDeps,
  watched: Watched,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  let from: string | undefined;
  let resource: ApiResource | undefined;
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      resource ??= await resourceOf(deps, watched);
      if (from === undefined) {
        const { objects, resourceVersion } = await deps.client.listAt(resource, watched, signal);
        yield { type: "listed", objects };
        from = resourceVersion;
      }
      const began = deps.clock.now();
      for await (const { object, type } of changes(deps, resource, watched, from, signal)) {
        from = object.metadata["resourceVersion"] as string;
        if (type !== "bookmark") yield { type, object };
        wait = FIRST_WAIT_MS;
      }
      // A server that ends every watch at once isn't asked in a circle.
      if (deps.clock.now() - began >= FIRST_WAIT_MS) continue;
    } catch (error) {
      if (signal.aborted) return;
      if (isGone(error)) from = undefined;
      else if (!isPassing(error)) throw error;
      deps.onTrouble?.(error as Error);
    }
    await deps.clock.sleep(wait, signal).catch(() => undefined);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

async function resourceOf({ client }: WatchDeps, { apiVersion, kind }: Watched): Promise<ApiResource> {
  const found = await client.discovery.find(apiVersion, kind);
  if (found !== undefined) return found;
  throw new SlipwayError("CLUSTER_KIND_MISSING", `the cluster has no kind ${kind} in ${apiVersion}`);
}

interface Change {
  type: "added" | "modified" | "deleted" | "bookmark";
  object: LiveObject;
}

const TYPES: Readonly<Record<string, Change["type"]>> = {
  ADDED: "added",
  MODIFIED: "modified",
  DELETED: "deleted",
  BOOKMARK: "bookmark",
};

/** What one watch tells until its connection ends; throws the server's errors, 410 among them. */
async function* changes(
  { open }: WatchDeps,
  resource: ApiResource,
  { namespace, labelSelector, fieldSelector }: Selection,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  const attempt = attemptOf("watch", resource, namespace);
  const opened = await open({
    method: "GET",
    path: addressOf(resource, namespace),
    query: {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
      resourceVersion,
      labelSelector,
      fieldSelector,
    },
    signal,
    quietMs: QUIET_MS,
  });
  if (opened.status !== 200) throw apiError(statusOf(opened.status, await errorBody(opened)), attempt);
  const lines = new JsonLines();
  for await (const chunk of opened.body)
    for (const line of lines.push(chunk)) {
      const { type, object } = line as { type: string; object: LiveObject };
      if (type === "ERROR") throw apiError(statusOf(Number(object["code"] ?? 500), object), attempt);
      const known = TYPES[type];
      if (known !== undefined) yield { type: known, object };
    }
}

async function errorBody({ body }: OpenedStream): Promise<unknown> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ERROR_BYTES) break;
  }
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 500) };
  }
}

/** The server no longer knows the version from which the watch was to go on. */
function isGone(error: unknown): boolean {
  return error instanceof SlipwayError && error.code === "CLUSTER_VERSION_GONE";
}

/** Whether it may be well the next time: the server is away, starts, is busy, or the connection broke. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof SlipwayError)) return true;
  return error.code === "CLUSTER_UNREACHABLE" || error.code === "CLUSTER_FAILED";
}
