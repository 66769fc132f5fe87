import { createHmac } from "node:crypto";
import { TOKEN_PREFIX } from "../../http/credentials.ts";

function derived(secret: string, purpose: string): string {
  const proof = createHmac("sha256", secret).update(`internal ${purpose}`).digest("base64url");
  return `${TOKEN_PREFIX}internal.${purpose}.${proof}`;
}

/** What control shows to serve's admin interface. Made of the internal secret, which never leaves the processes that hold it. */
export function adminToken(secret: string): string {
  return derived(secret, "admin");
}

/** What a process shows that hands connections on to control. */
export function tunnelToken(secret: string): string {
  return derived(secret, "tunnel");
}

/** Key of the secrets of webhooks: whichever control leads, it reads what another one has sealed. */
export function webhookKey(secret: string): string {
  return createHmac("sha256", secret).update("internal webhooks").digest("base64url");
}

/** By which serve pods hash callers in the prediction log: all of them alike. */
export function callersKey(secret: string): Buffer {
  return createHmac("sha256", secret).update("internal callers").digest();
}

/** Id of the platform: the same on every volume. */
export function platformIdOf(secret: string): string {
  return createHmac("sha256", secret).update("internal platform").digest("hex").slice(0, 32);
}
