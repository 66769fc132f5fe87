import { createHash, timingSafeEqual } from "node:crypto";
import { bytesOf } from "../base/bytes.ts";

/** With what every token begins, so that people and scanners of secrets know one when they see it. */
export const TOKEN_PREFIX = "slipway_";

export type Credentials =
  | { kind: "token"; token: string }
  | { kind: "password"; name: string; password: string };

/**
 * What an Authorization header carries: a bearer token, or basic auth with a name and a password (RFC 7617), where a
 * token may stand in either place, as Git's and MLflow's clients send it. Undefined when it can't be read.
 */
export function readCredentials(authorization: string): Credentials | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return { kind: "token", token: value };
  const decoded = Buffer.from(value, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon === -1) return undefined;
  const name = decoded.slice(0, colon);
  const password = decoded.slice(colon + 1);
  if (password.startsWith(TOKEN_PREFIX)) return { kind: "token", token: password };
  if (password === "" && name.startsWith(TOKEN_PREFIX)) return { kind: "token", token: name };
  return { kind: "password", name, password };
}

/** SHA-256 (hex) of a token, which is all that is kept of it: 256 random bits need no slow hash. */
export function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The value of one cookie (RFC 6265, 5.4), as it came. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** Whether a token's SHA-256 (hex) is that one, in a time that doesn't tell how much of it is right. */
export function isDigestOf(token: string, sha256: string): boolean {
  const [given, wanted] = [Buffer.from(digestOf(token), "hex"), Buffer.from(sha256, "hex")];
  return given.length === wanted.length && timingSafeEqual(bytesOf(given), bytesOf(wanted));
}
