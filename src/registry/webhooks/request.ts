import type { Answer, Post } from "./send.ts";
import type { SecretBox } from "./secrets.ts";
import { signature } from "./signature.ts";

export interface SignedRequest {
  url: URL;
  deliveryId: string;
  payload: string;
  /** Encrypted; null: unsigned. */
  secret: string | null;
  /** Milliseconds since the epoch: what the signature is bound to. */
  now: number;
  /** Ends it early. */
  signal?: AbortSignal;
}

/** One attempt, with MLflow's headers. */
export function postSigned(post: Post, box: SecretBox, request: SignedRequest): Promise<Answer> {
  const { url, deliveryId, payload, secret, now } = request;
  const timestamp = String(Math.floor(now / 1000));
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "X-MLflow-Delivery-Id": deliveryId,
    "X-MLflow-Timestamp": timestamp,
  };
  if (secret !== null)
    headers["X-MLflow-Signature"] = signature(box.open(secret), deliveryId, timestamp, payload);
  return post(url, headers, payload, request.signal);
}
