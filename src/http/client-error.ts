import type { Duplex } from "node:stream";
import { SlipwayError } from "./errors.ts";

/** Answers bytes that aren't a request we can read, in our catalogue's words, and ends the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error.code);
  const body = JSON.stringify({ error: refusal.toJSON() });
  const head = [
    `HTTP/1.1 ${refusal.status} ${REASONS[refusal.status] ?? "Bad Request"}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

const REASONS: Record<number, string> = { 408: "Request Timeout", 431: "Request Header Fields Too Large" };

/** By the code of Node's HTTP parser or server. */
function refusalOf(code: string | undefined): SlipwayError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new SlipwayError("HTTP_HEAD_TOO_LARGE", "the request's line and headers are too large", {
      allowed: "16384 bytes",
    });
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new SlipwayError("HTTP_TOO_SLOW", "the request didn't come to its end in time");
  return new SlipwayError("HTTP_MALFORMED", "this isn't a request of HTTP/1.1 that can be read");
}
