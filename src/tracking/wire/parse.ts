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

/** JSON in which integers beyond 2^53 come out as strings with all their digits. */
export function parsed(text: string): unknown {
  try {
    // The digits of a fraction don't follow a separator: a batch of exact doubles isn't searched twice.
    return JSON.parse(/[:,[\s-]\d{16}/.test(text) ? withLongIntegersQuoted(text) : text);
  } catch {
    throw invalid("The request's body is not valid JSON.");
  }
}

/**
 * A double keeps 15 digits; MLflow's int64 has up to 19, and its clients send them as JSON numbers. A walk instead
 * of a regular expression, whose stack a long text with many escapes would exhaust.
 */
function withLongIntegersQuoted(text: string): string {
  let found = "";
  let from = 0;
  for (let at = 0; at < text.length;) {
    if (text.charAt(at) === '"') at = endOfString(text, at + 1);
    else if (!isOfNumber(text, at)) at++;
    else {
      const start = at;
      while (isOfNumber(text, at)) at++;
      const token = text.slice(start, at);
      if (!/^-?\d{16,}$/.test(token)) continue;
      found += `${text.slice(from, start)}"${token}"`;
      from = at;
    }
  }
  return found + text.slice(from);
}

/** A character that a JSON number may have. */
function isOfNumber(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  // Digits, - . + and e.
  return (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 43 || (code | 32) === 101;
}

/** Behind the quote that ends a string; a quote with an odd number of backslashes before it doesn't. */
function endOfString(text: string, start: number): number {
  for (let at = start; ; at++) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (at - 1 - backslashes >= start && text.charAt(at - 1 - backslashes) === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}
