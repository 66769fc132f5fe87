import { createHash, createHmac } from "node:crypto";

/** `X-MLflow-Signature`: `v1,` and the base64 HMAC-SHA256 of `<delivery id>.<unix seconds>.<payload>`. */
export function signature(secret: string, deliveryId: string, timestamp: string, payload: string): string {
  const digest = createHmac("sha256", secret)
    .update(`${deliveryId}.${timestamp}.${payload}`)
    .digest("base64");
  return `v1,${digest}`;
}

/**
 * The same id for every attempt of a delivery, so that a receiver can tell a repetition: a UUID (version 8) made
 * of the webhook's random id and the delivery's number.
 */
export function deliveryId(webhookId: string, delivery: number): string {
  const hex = createHash("sha256").update(`${webhookId}/${delivery}`).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const text = `${hex.slice(0, 12)}8${hex.slice(13, 16)}${variant}${hex.slice(17, 32)}`;
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
