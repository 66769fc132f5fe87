import { encode } from "./wire/schema.ts";
import type { MessageType } from "./wire/schema.ts";

/** gRPC's status codes, those that we answer with. */
export const CODE = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;
export type Code = keyof typeof CODE;

/** What REST answers with, and what gRPC answers with instead: one cause, one row. */
const CODE_OF_HTTP: Readonly<Record<number, Code>> = {
  200: "OK",
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  409: "FAILED_PRECONDITION",
  413: "RESOURCE_EXHAUSTED",
  415: "UNIMPLEMENTED",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export function codeOfHttp(status: number): Code {
  return CODE_OF_HTTP[status] ?? (status < 500 ? "INVALID_ARGUMENT" : "INTERNAL");
}

/** Trailers share a frame with all other headers, which clients bound at 8 KiB or so. */
const MAX_MESSAGE = 1_024;

/** Trailers of a call that failed. `retrySeconds`: when it is worth trying again. */
export function failureTrailers(code: Code, message: string, retrySeconds?: number): Record<string, string> {
  const short = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
  const trailers: Record<string, string> = {
    "grpc-status": String(CODE[code]),
    "grpc-message": percentEncode(short),
  };
  if (retrySeconds === undefined) return trailers;
  // Read by clients that retry by themselves; the details are for those that ask.
  trailers["grpc-retry-pushback-ms"] = String(retrySeconds * 1_000);
  trailers["grpc-status-details-bin"] = retryDetails(code, short, retrySeconds);
  return trailers;
}

/** Printable ASCII but for the percent sign stands for itself, all other bytes are written %XX. */
function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}

const DURATION: MessageType = { name: "google.protobuf.Duration", fields: { seconds: [1, "int64"] } };
const RETRY_INFO: MessageType = { name: "google.rpc.RetryInfo", fields: { retry_delay: [1, DURATION] } };
const ANY: MessageType = {
  name: "google.protobuf.Any",
  fields: { type_url: [1, "string"], value: [2, "bytes"] },
};
const STATUS: MessageType = {
  name: "google.rpc.Status",
  fields: { code: [1, "int32"], message: [2, "string"], details: [3, [ANY]] },
};

function retryDetails(code: Code, message: string, seconds: number): string {
  const value = encode(RETRY_INFO, { retry_delay: { seconds } });
  const details = [{ type_url: `type.googleapis.com/${RETRY_INFO.name}`, value }];
  // Without padding, as binary metadata is written.
  return encode(STATUS, { code: CODE[code], message, details }).toString("base64").replace(/=+$/, "");
}
