import http from "node:http";
import https from "node:https";
import { isPublicAddress } from "./address.ts";
import type { WebhookSettings } from "./settings.ts";
import { addressRefused, checkedLookup, literal, type Resolve } from "./target.ts";

export interface Answer {
  status: number;
  /** At most MAX_ANSWER bytes of it. */
  body: string;
  /** Milliseconds that a `Retry-After` in seconds asks for. */
  retryAfterMs?: number;
}

/** `signal` ends it early. */
export type Post = (
  url: URL,
  headers: Record<string, string>,
  payload: string,
  signal?: AbortSignal,
) => Promise<Answer>;

/** Bytes of an answer that are looked at; the rest is never taken. */
const MAX_ANSWER = 16 * 1024;

export interface PostDeps {
  settings: Pick<WebhookSettings, "schemes" | "allowPrivate" | "timeoutMs">;
  resolve: Resolve;
}

/**
 * POSTs to whoever a webhook names, and can be led nowhere else: the connection goes to an address that was checked,
 * by no proxy, and no redirect is followed. Everything within one deadline. WEBHOOK_ADDRESS_REFUSED, or the
 * network's own error.
 */
export function createPost({ settings, resolve }: PostDeps): Post {
  const lookup = checkedLookup(settings, resolve);
  return (url, headers, payload, signal) =>
    new Promise<Answer>((fulfil, reject) => {
      const address = literal(url);
      if (address !== undefined && !settings.allowPrivate && !isPublicAddress(address)) {
        return reject(addressRefused());
      }
      const deadline = AbortSignal.timeout(settings.timeoutMs);
      const { request } = url.protocol === "https:" ? https : http;
      const outgoing = request(url, {
        method: "POST",
        headers: { ...headers, "content-length": Buffer.byteLength(payload) },
        agent: false,
        lookup,
        signal: deadline,
      });
      const end = (): void => void outgoing.destroy(new Error("the platform ended"));
      signal?.addEventListener("abort", end, { once: true });
      outgoing.on("close", () => signal?.removeEventListener("abort", end));
      outgoing.on("error", (error: Error) => reject(error));
      outgoing.on("response", (incoming) => {
        readAnswer(incoming).then(fulfil, reject);
      });
      outgoing.end(payload);
    });
}

async function readAnswer(incoming: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes >= MAX_ANSWER) break;
  }
  const seconds = incoming.headers["retry-after"] ?? "";
  return {
    status: incoming.statusCode ?? 0,
    body: Buffer.concat(chunks as readonly Uint8Array[])
      .subarray(0, MAX_ANSWER)
      .toString("utf8"),
    ...(/^\d{1,6}$/.test(seconds) ? { retryAfterMs: Number(seconds) * 1000 } : {}),
  };
}
