import { existsSync } from "node:fs";
import { join } from "node:path";
import type { S3Options } from "../cli/up-options.ts";
import { SlipwayError } from "../http/errors.ts";
import type { PostgresAddress } from "../store/postgres/address.ts";
import { readS3Config, type S3Config } from "../store/s3/config.ts";
import type { CredentialSource } from "../store/s3/credentials.ts";

/** How artifacts are kept and moved; nothing here is secret. */
export interface ArtifactSettings {
  /** Absent: the folder `artifactsDir`. */
  s3?: S3Config;
  /** AWS_CA_BUNDLE: file of certificates that the store's is trusted by. */
  caFile?: string;
  /** Whether clients may be given addresses of the store itself. */
  isDirect: boolean;
  /** `--max-artifact`: of one file. */
  maxBytes: number;
  /** MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS: for how long the address of a download is good. */
  downloadSeconds: number;
}

/** What the control process alone is told. */
export interface ControlSecrets {
  /** Of the artifact store, and of the store of `--git-mirror`. */
  s3?: CredentialSource;
  /** Where the database is, and how to get in; absent: the SQLite file `storeFile`. */
  postgres?: PostgresAddress;
  /** Of this platform at the identity provider. */
  oidcClientSecret?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings from the options and from the environment variables of AWS's tools and of MLflow's server; an option comes
 * first. USAGE or ARTIFACTS_CREDENTIALS_MISSING before anything is started.
 */
export function artifactSettings(
  env: Environment,
  options: { artifactsS3?: S3Options; maxArtifactBytes: number },
): { settings: ArtifactSettings; secrets: ControlSecrets } {
  const given = options.artifactsS3;
  const settings = {
    isDirect: given?.isProxied !== true,
    maxBytes: options.maxArtifactBytes,
    downloadSeconds: seconds(env, "MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS", 300),
  };
  if (given === undefined) return { settings, secrets: {} };
  const { s3, caFile, secret } = s3Settings(env, given, "--artifacts");
  return {
    settings: { ...settings, s3, ...(caFile ? { caFile } : {}) },
    secrets: { s3: secret },
  };
}

/** An S3-compatible store as `option` names it, how to reach it, and where its keys come from. */
export function s3Settings(
  env: Environment,
  given: S3Options,
  option: string,
): { s3: S3Config; caFile?: string; secret: CredentialSource } {
  const endpoint =
    given.endpoint ?? first(env, ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL"]);
  const region = given.region ?? first(env, ["AWS_REGION", "AWS_DEFAULT_REGION"]);
  const s3 = readS3Config(
    given.destination,
    {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(given.pathStyle === undefined ? {} : { pathStyle: given.pathStyle }),
    },
    option,
  );
  const caFile = env["AWS_CA_BUNDLE"];
  if (caFile && !existsSync(caFile))
    throw new SlipwayError("USAGE", "there is no such file", { where: "AWS_CA_BUNDLE", given: caFile });
  return { s3, ...(caFile ? { caFile } : {}), secret: credentialSource(env, option) };
}

/** Keys in the environment, else the profile in the file that AWS's tools use. */
function credentialSource(env: Environment, option: string): CredentialSource {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId && secretAccessKey) {
    const sessionToken = env["AWS_SESSION_TOKEN"];
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
    return { kind: "given", credentials };
  }
  const file = env["AWS_SHARED_CREDENTIALS_FILE"] || join(env["HOME"] ?? "", ".aws", "credentials");
  if (existsSync(file)) return { kind: "file", file, profile: env["AWS_PROFILE"] || "default" };
  throw new SlipwayError("ARTIFACTS_CREDENTIALS_MISSING", "there are no keys for the artifact store", {
    where: option,
    given: `neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor ${file}`,
  });
}

function first(env: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}

function seconds(env: Environment, name: string, byDefault: number): number {
  const text = env[name];
  if (text === undefined || text === "") return byDefault;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 604_800) return value;
  throw new SlipwayError("USAGE", "that isn't a number of seconds", {
    where: name,
    given: text.slice(0, 100),
    allowed: "1 to 604800, which is seven days",
  });
}
