import { createHmac, timingSafeEqual } from "node:crypto";
import { bytesOf } from "../base/bytes.ts";
import { TOKEN_PREFIX } from "../http/credentials.ts";

/**
 * What a tenant's model pods ask of whoever sends them requests, and show where they fetch their models: made of the
 * platform's internal secret, which no tenant's pod ever sees. Serve makes the same one and shows it.
 */
export function workerToken(secret: string, tenant: string): string {
  const proof = createHmac("sha256", secret).update(`worker of ${tenant}`).digest("base64url");
  return `${TOKEN_PREFIX}worker.${tenant}.${proof}`;
}

/** The tenant whose model pods carry this token; undefined: it is no such token. */
export function tenantOfWorker(secret: string, token: string): string | undefined {
  const start = `${TOKEN_PREFIX}worker.`;
  if (!token.startsWith(start)) return undefined;
  const tenant = token.slice(start.length).split(".", 1)[0] ?? "";
  const [given, wanted] = [Buffer.from(token), Buffer.from(workerToken(secret, tenant))];
  if (given.length !== wanted.length || !timingSafeEqual(bytesOf(given), bytesOf(wanted))) return undefined;
  return tenant;
}
