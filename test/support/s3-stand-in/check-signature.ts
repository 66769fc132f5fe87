import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { bytesOf } from "../../../src/base/bytes.ts";
import { Refusal } from "./refusal.ts";

const SKEW_MS = 15 * 60_000;
const WEEK_SECONDS = 604_800;

/** One request as it came: nothing of it is taken from whoever signed it. */
export interface ReceivedRequest {
  method: string;
  /** Percent-encoded, as it was sent. */
  path: string;
  /** Decoded pairs, in the order in which they were sent. */
  query: readonly (readonly [string, string])[];
  headers: IncomingMessage["headers"];
}

interface Claim {
  credential: string;
  signedHeaders: string[];
  signature: string;
  /** Such as 20240131T235959Z. */
  date: string;
  payloadHash: string;
  expiresInSeconds?: number;
}

/**
 * Refuses a request that isn't signed with the key, as S3 does: Signature Version 4 in the headers or in the address,
 * the clock within 15 minutes, an address not older than it says.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 * @returns SHA-256 that the body must have (hex), or undefined when the signature doesn't cover it
 */
export function checkSignature(
  request: ReceivedRequest,
  keys: { accessKeyId: string; secretAccessKey: string },
  now: number,
): string | undefined {
  const claim = claimOf(request);
  const [accessKeyId, day, region, service, end] = claim.credential.split("/");
  if (service !== "s3" || end !== "aws4_request" || region === undefined || day !== claim.date.slice(0, 8))
    throw new Refusal(400, "AuthorizationHeaderMalformed", "the credential's scope is wrong");
  if (accessKeyId !== keys.accessKeyId) throw new Refusal(403, "InvalidAccessKeyId", "the key isn't known");
  checkTime(claim, now);
  checkCovered(request, claim);
  const canonical = [
    request.method,
    request.path
      .split("/")
      .map((part) => encode(decodeURIComponent(part)))
      .join("/"),
    canonicalQuery(request),
    ...claim.signedHeaders.map((name) => `${name}:${valueOf(request, name)}`),
    "",
    claim.signedHeaders.join(";"),
    claim.payloadHash,
  ].join("\n");
  const scope = [day, region, service, end];
  const text = ["AWS4-HMAC-SHA256", claim.date, scope.join("/"), sha256(canonical)].join("\n");
  let key: string | Uint8Array = `AWS4${keys.secretAccessKey}`;
  for (const part of [...scope, text]) key = bytesOf(createHmac("sha256", key).update(part).digest());
  const given = bytesOf(Buffer.from(claim.signature, "hex"));
  if (typeof key === "string" || given.length !== key.length || !timingSafeEqual(given, key))
    throw new Refusal(403, "SignatureDoesNotMatch", "the signature is another one");
  return /^[0-9a-f]{64}$/.test(claim.payloadHash) ? claim.payloadHash : undefined;
}

function claimOf({ headers, query }: ReceivedRequest): Claim {
  const { authorization } = headers;
  const address = new Map(query);
  if (authorization !== undefined) {
    const [, credential, names, signature] =
      /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(
        authorization,
      ) ?? [];
    const payloadHash = headers["x-amz-content-sha256"];
    if (!credential || !names || !signature || typeof payloadHash !== "string")
      throw new Refusal(400, "AuthorizationHeaderMalformed", "the Authorization header can't be read");
    const date = String(headers["x-amz-date"]);
    return { credential, signedHeaders: names.split(";"), signature, date, payloadHash };
  }
  if (address.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256")
    throw new Refusal(403, "AccessDenied", "nothing is given without a signature");
  const part = (name: string): string => {
    const value = address.get(`X-Amz-${name}`);
    if (value === undefined)
      throw new Refusal(400, "AuthorizationQueryParametersError", `X-Amz-${name} is missing`);
    return value;
  };
  return {
    credential: part("Credential"),
    signedHeaders: part("SignedHeaders").split(";"),
    signature: part("Signature"),
    date: part("Date"),
    payloadHash: "UNSIGNED-PAYLOAD",
    expiresInSeconds: Number(part("Expires")),
  };
}

function checkTime({ date, expiresInSeconds }: Claim, now: number): void {
  const signed = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!Number.isFinite(signed)) throw new Refusal(400, "AuthorizationHeaderMalformed", "that is no date");
  if (expiresInSeconds === undefined) {
    if (Math.abs(now - signed) > SKEW_MS)
      throw new Refusal(403, "RequestTimeTooSkewed", "the clocks differ too much");
    return;
  }
  if (!(expiresInSeconds >= 1 && expiresInSeconds <= WEEK_SECONDS))
    throw new Refusal(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be 1 to 604800");
  if (now < signed - SKEW_MS || now >= signed + expiresInSeconds * 1000)
    throw new Refusal(403, "AccessDenied", "Request has expired");
}

/** What S3 wants to be signed: the host, and every header that begins with x-amz-. */
function checkCovered({ headers }: ReceivedRequest, { signedHeaders }: Claim): void {
  const needed = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-"))];
  const missing = needed.find((name) => !signedHeaders.includes(name));
  if (missing !== undefined) throw new Refusal(403, "AccessDenied", `${missing} isn't signed`);
}

function canonicalQuery({ query }: ReceivedRequest): string {
  return query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
}

function valueOf({ headers }: ReceivedRequest, name: string): string {
  return String(headers[name] ?? "")
    .trim()
    .replace(/ +/g, " ");
}

function encode(text: string): string {
  const escaped = (character: string): string =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join("");
  return text.replace(/[^A-Za-z0-9\-._~]/gu, escaped);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
