import type { IncomingMessage } from "node:http";
import { joinBuffers } from "../../base/bytes.ts";

/** More than this isn't read on only to be thrown away. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

export type BodyRead = { body: Buffer } | { tooLarge: number } | "aborted";

/**
 * Reads a whole body of at most `maxBytes`; keeps none of a larger one. What is read begins with `prefix`, if there is
 * one. Every connection's time to send a request is bounded by the server's own requestTimeout; a body that goes on and
 * on behind its refusal ends its connection.
 */
export function readBody(
  req: IncomingMessage,
  maxBytes: number,
  done: (read: BodyRead) => void,
  prefix?: Buffer,
): void {
  const declared = Number(req.headers["content-length"] ?? 0);
  if (declared > maxBytes) return done({ tooLarge: declared });
  const chunks: Buffer[] = prefix === undefined ? [] : [prefix];
  let bytes = 0;
  let isDone = false;
  const finish = (read: BodyRead) => {
    if (isDone) return;
    isDone = true;
    done(read);
  };
  req.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (isDone) {
      if (bytes > maxBytes + MAX_DISCARDED_BYTES) req.destroy();
      return;
    }
    if (bytes > maxBytes) {
      chunks.length = 0;
      finish({ tooLarge: bytes });
    } else {
      chunks.push(chunk);
      // Node says that it has ended some turns later.
      if (bytes === declared) end();
    }
  });
  const end = () => {
    const [first] = chunks;
    finish({ body: chunks.length === 1 && first !== undefined ? first : joinBuffers(chunks) });
  };
  req.on("end", end);
  req.on("close", () => finish("aborted"));
  req.on("error", () => finish("aborted"));
  return undefined;
}
