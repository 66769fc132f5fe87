import { SlipwayError } from "../../http/errors.ts";

/** How webhooks are sent. MLflow's environment variables of these names mean the same here. */
export interface WebhookSettings {
  /** MLFLOW_WEBHOOK_ALLOWED_SCHEMES: without colon. */
  schemes: string[];
  /** MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: also addresses that aren't the public internet's. */
  allowPrivate: boolean;
  /** MLFLOW_WEBHOOK_REQUEST_TIMEOUT: of one attempt, from the look-up to the end of the answer. */
  timeoutMs: number;
  /** MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES: attempts after the first. */
  maxRetries: number;
  /** MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS: requests at one time. */
  workers: number;
  /** MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY; undefined: a key file in the data folder. */
  secretKey?: string;
}

/** Reads MLflow's environment variables; WEBHOOK_SETTING_INVALID for a value that makes no sense. Pure. */
export function webhookSettings(env: Readonly<Record<string, string | undefined>>): WebhookSettings {
  const secretKey = env["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"];
  return {
    schemes: schemes(env["MLFLOW_WEBHOOK_ALLOWED_SCHEMES"] ?? "https"),
    allowPrivate: flag(env["MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"] ?? "false"),
    timeoutMs: 1000 * whole(env, "MLFLOW_WEBHOOK_REQUEST_TIMEOUT", 30, 1, 300),
    maxRetries: whole(env, "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES", 3, 0, 20),
    workers: whole(env, "MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS", 10, 1, 100),
    ...(secretKey ? { secretKey } : {}),
  };
}

function schemes(text: string): string[] {
  const named = text.split(",").map((scheme) => scheme.trim().toLowerCase());
  if (named.every((scheme) => scheme === "http" || scheme === "https")) return named;
  throw wrong("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", text, "http and https, separated by a comma");
}

function flag(text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw wrong("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", text, "true or false");
}

function whole(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  byDefault: number,
  min: number,
  max: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return byDefault;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw wrong(name, text, `an integer from ${min} to ${max}`);
}

function wrong(name: string, given: string, allowed: string): SlipwayError {
  return new SlipwayError("WEBHOOK_SETTING_INVALID", `the environment variable ${name} has a wrong value`, {
    where: name,
    given: given.slice(0, 100),
    allowed,
  });
}
