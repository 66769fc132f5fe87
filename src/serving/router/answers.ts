import type { ServerResponse } from "node:http";
import type { SlipwayError } from "../../http/errors.ts";

/** Up to this size a copy costs less than one more piece in the write. */
const JOINED_BYTES = 16 * 1024;

export type Headers = Record<string, string | number>;

/** Sends a whole JSON answer; nothing when the caller has gone. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Headers = {},
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.length,
    ...headers,
  });
  if (typeof body === "string") res.end(body);
  // Node joins a text with the head and writes one piece; bytes are a second one. In Latin-1 every byte is a character.
  else if (body.length <= JOINED_BYTES) res.end(body.toString("latin1"), "latin1");
  else res.end(body);
}

/** Open Inference's shape of an error. */
export function sendProtocolError(
  res: ServerResponse,
  status: number,
  message: string,
  headers: Headers = {},
): void {
  sendJson(res, status, JSON.stringify({ error: message }), headers);
}

/** A refusal before routing, in the shape that serves both our API's readers and Open Inference's. */
export function sendRefusal(res: ServerResponse, error: SlipwayError): void {
  const challenge: Headers = error.status === 401 ? { "www-authenticate": 'Basic realm="slipway"' } : {};
  sendJson(res, error.status, JSON.stringify({ error: error.toJSON() }), {
    ...challenge,
    connection: "close",
  });
}
