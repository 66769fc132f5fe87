import { digestOf, TOKEN_PREFIX } from "../../http/credentials.ts";
import { mlflowAllowedHosts } from "../mlflow-settings.ts";
import { ABSOLUTE_PATH, optional, setting, type Environment } from "./settings.ts";

/** What control and serve are told alike. */
export interface SharedSettings {
  /** Of which the tokens that processes and pods show each other are made. */
  internalToken: string;
  /** SHA-256 (hex) of the token of the platform's first admin: beyond loopback every call needs a caller. */
  tokenSha256: string;
  /** Names that the Host header may carry. */
  allowedHosts: string[];
  host: string;
  dataDir: string;
}

const SECRET_LENGTH = 32;

/** SETTING_MISSING or SETTING_INVALID names the variable. */
export function sharedSettings(env: Environment): SharedSettings {
  return {
    internalToken: setting(env, "SLIPWAY_INTERNAL_TOKEN", {
      allowed: `at least ${SECRET_LENGTH} characters, the same for control and serve`,
      isRight: (text) => text.length >= SECRET_LENGTH && /^\S+$/.test(text),
      isSecret: true,
    }),
    tokenSha256: adminSha256(env),
    allowedHosts: [
      ...(env["SLIPWAY_HOSTS"] ?? "").split(",").filter((name) => name !== ""),
      ...mlflowAllowedHosts(env),
    ],
    host: env["SLIPWAY_HOST"] || "::",
    dataDir: optional(env, "SLIPWAY_DATA", ABSOLUTE_PATH) ?? "/var/lib/slipway",
  };
}

/** SLIPWAY_TOKEN_SHA256, so that the token itself needn't lie in the cluster, else SLIPWAY_ADMIN_TOKEN. */
function adminSha256(env: Environment): string {
  const sha256 = optional(env, "SLIPWAY_TOKEN_SHA256", {
    allowed: "64 hexadecimal digits",
    isRight: (text) => /^[0-9a-f]{64}$/.test(text),
  });
  if (sha256 !== undefined) return sha256;
  const token = setting(env, "SLIPWAY_ADMIN_TOKEN", {
    allowed: `${TOKEN_PREFIX} and at least ${SECRET_LENGTH} characters behind it`,
    isRight: (text) =>
      text.startsWith(TOKEN_PREFIX) &&
      text.length >= TOKEN_PREFIX.length + SECRET_LENGTH &&
      /^\S+$/.test(text),
    isSecret: true,
  });
  return digestOf(token);
}
