import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { ErrorBody } from "../../http/errors.ts";
import { isThere, unpackArchive } from "../../serving/archive/unpack.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Nothing of the archive came for so long: the connection counts as lost. */
const QUIET_MS = 30_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const MAX_ERROR_BYTES = 64 * 1024;
/** Refusals that the next try would meet again. */
const LASTING = new Set([400, 401, 403, 404, 413, 422]);

/**
 * The model's folder in the cache, fetched from the platform when it isn't there. Goes on trying while the platform is
 * away; throws what it says for good, and the signal's reason.
 */
export async function fetchModel(
  settings: WorkerSettings,
  { clock, note, signal }: { clock: Clock; note: (line: string) => void; signal: AbortSignal },
): Promise<string> {
  const root = join(settings.cacheDir, "models");
  const folder = join(root, settings.digest);
  if (await isThere(folder)) return folder;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await unpackArchive(await opened(settings, signal), { root, digest: settings.digest });
    } catch (error) {
      signal.throwIfAborted();
      if (isLasting(error)) throw error;
      note(`the model can't be fetched yet: ${(error as Error).message}`);
    }
    await clock.sleep(wait, signal);
  }
}

function isLasting(error: unknown): boolean {
  if (error instanceof SlipwayError) return LASTING.has(error.status);
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EACCES" || code === "EROFS";
}

async function opened(
  { url, digest, token }: WorkerSettings,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const address = new URL(`/api/slipway/v1/served-models/${digest}`, url);
  const send = address.protocol === "https:" ? secureRequest : request;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = send(
      address,
      { headers: { authorization: `Bearer ${token}` }, timeout: QUIET_MS, signal },
      resolve,
    );
    sent.on("timeout", () => sent.destroy(new Error(`nothing came for ${QUIET_MS / 1_000} s`)));
    sent.on("error", reject);
    sent.end();
  });
  if (response.statusCode === 200) return response as AsyncIterable<Uint8Array>;
  throw await errorOf(response);
}

async function errorOf(response: IncomingMessage): Promise<Error> {
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8");
    if (text.length > MAX_ERROR_BYTES) break;
  }
  try {
    const { error } = JSON.parse(text) as { error: ErrorBody };
    return SlipwayError.fromJSON(error);
  } catch {
    return new Error(`the platform answered ${response.statusCode}: ${text.slice(0, 200)}`);
  }
}
