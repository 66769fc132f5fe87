import { createHmac, timingSafeEqual } from "node:crypto";
import { bytesOf } from "../base/bytes.ts";
import { TOKEN_PREFIX } from "../http/credentials.ts";

const START = `${TOKEN_PREFIX}step.`;

/**
 * What a tenant's pipeline steps carry: made of a secret of this start that no step ever sees, so that nothing must be kept
 * and nobody who has one can make another's. It says for which tenant it is.
 */
export function stepToken(secret: string, tenant: string): string {
  const proof = createHmac("sha256", secret).update(`step of ${tenant}`).digest("base64url");
  return `${START}${tenant}.${proof}`;
}

/** The tenant whose steps carry this token; undefined: it is no such token. */
export function tenantOfStep(secret: string, token: string): string | undefined {
  if (!token.startsWith(START)) return undefined;
  const tenant = token.slice(START.length).split(".", 1)[0] ?? "";
  const [given, wanted] = [Buffer.from(token), Buffer.from(stepToken(secret, tenant))];
  if (given.length !== wanted.length || !timingSafeEqual(bytesOf(given), bytesOf(wanted))) return undefined;
  return tenant;
}
