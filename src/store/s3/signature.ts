import { createHash, createHmac } from "node:crypto";

/** What requests are signed with; never logged, never part of an error. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary credentials. */
  sessionToken?: string;
}

export interface SigningScope {
  credentials: S3Credentials;
  region: string;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface UnsignedRequest {
  method: string;
  /** As the Host header has it, with the port where it isn't the scheme's own. */
  host: string;
  /** Percent-encoded. */
  path: string;
  query: Readonly<Record<string, string>>;
}

/** SHA-256 (hex) of a body; of what is empty when there is none. */
export function payloadHash(body?: Uint8Array): string {
  return sha256(body ?? "");
}

/** Headers that sign a request: AWS's Signature Version 4, every given header and the body's hash signed. */
export function signedHeaders(
  request: UnsignedRequest,
  headers: Readonly<Record<string, string>>,
  bodySha256: string,
  scope: SigningScope,
): Record<string, string> {
  const { sessionToken } = scope.credentials;
  const all: Record<string, string> = {
    ...lowerCased(headers),
    "x-amz-content-sha256": bodySha256,
    "x-amz-date": timestamp(scope.now),
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
  };
  const signing = { ...all, host: request.host };
  const names = Object.keys(signing).sort().join(";");
  const signature = signatureOf(request, request.query, signing, bodySha256, scope);
  all["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${credentialOf(scope)}, SignedHeaders=${names}, Signature=${signature}`;
  return all;
}

/** Query of an address that carries its own signature: it is valid for so many seconds, with exactly these headers. */
export function presignedQuery(
  request: UnsignedRequest,
  headers: Readonly<Record<string, string>>,
  expiresInSeconds: number,
  scope: SigningScope,
): string {
  const { sessionToken } = scope.credentials;
  const signing = { ...lowerCased(headers), host: request.host };
  const query = {
    ...request.query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": credentialOf(scope),
    "X-Amz-Date": timestamp(scope.now),
    "X-Amz-Expires": String(expiresInSeconds),
    "X-Amz-SignedHeaders": Object.keys(signing).sort().join(";"),
    ...(sessionToken === undefined ? {} : { "X-Amz-Security-Token": sessionToken }),
  };
  const signature = signatureOf(request, query, signing, "UNSIGNED-PAYLOAD", scope);
  return `${encodeQuery(query)}&X-Amz-Signature=${signature}`;
}

/** Percent-encoding as the signature wants it: everything but the unreserved characters of RFC 3986. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Sorted, as the signature wants it; also what is sent. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => [encodePart(name), encodePart(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join("="))
    .join("&");
}

function signatureOf(
  { method, path }: UnsignedRequest,
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  bodySha256: string,
  scope: SigningScope,
): string {
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    encodeQuery(query),
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    bodySha256,
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", timestamp(scope.now), scopeOf(scope), sha256(canonical)].join("\n");
  return hmac(keyOf(scope), text).toString("hex");
}

function keyOf({ credentials, region, now }: SigningScope): Buffer {
  const date = hmac(`AWS4${credentials.secretAccessKey}`, timestamp(now).slice(0, 8));
  return hmac(hmac(hmac(date, region), "s3"), "aws4_request");
}

function credentialOf(scope: SigningScope): string {
  return `${scope.credentials.accessKeyId}/${scopeOf(scope)}`;
}

function scopeOf({ region, now }: SigningScope): string {
  return `${timestamp(now).slice(0, 8)}/${region}/s3/aws4_request`;
}

/** Such as 20240131T235959Z. */
function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "");
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key as string)
    .update(text)
    .digest();
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
