import { isUtf8 } from "node:buffer";
import { isDeeperThan, MAX_JSON_DEPTH } from "../../http/json-depth.ts";
import { invalid } from "./errors.ts";
import { rememberBody } from "./fields.ts";

/**
 * A JSON body as a message: an object, or the JSON text of one (old clients encoded twice). Integers beyond 2^53
 * come out as strings with all their digits. INVALID_PARAMETER_VALUE for what isn't UTF-8, JSON, or nests too deep.
 */
export function parseBody(body: Uint8Array): unknown {
  if (!isUtf8(body)) throw invalid("The request's body is not valid UTF-8.");
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  const value = parsed(text);
  const message = typeof value === "string" ? parsed(value) : value;
  if (isDeeperThan(message, MAX_JSON_DEPTH)) {
    throw invalid(`The request's body is nested more than ${MAX_JSON_DEPTH} deep.`);
  }
  rememberBody(message, body);
  return message ?? {};
}

function parsed(text: string): unknown {
  try {
    // The digits of a fraction don't follow a separator: a batch of exact doubles isn't searched twice.
    return JSON.parse(/[:,[\s-]\d{16}/.test(text) ? withLongIntegersQuoted(text) : text);
  } catch {
    throw invalid("The request's body is not valid JSON.");
  }
}

/** A double keeps 15 digits; MLflow's int64 has up to 19, and its clients send them as JSON numbers. */
function withLongIntegersQuoted(text: string): string {
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (token) =>
    /^-?\d{16,}$/.test(token) ? `"${token}"` : token,
  );
}
