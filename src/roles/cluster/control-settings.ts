import { join } from "node:path";
import type { Invocation } from "../../base/invocation.ts";
import { sourcePattern } from "../../registry/source-pattern.ts";
import { webhookSettings } from "../../registry/webhooks/settings.ts";
import { isPostgresAddress, parsePostgresAddress } from "../../store/postgres/address.ts";
import type { PostgresAddress } from "../../store/postgres/address.ts";
import { artifactSettings, type ControlSecrets } from "../artifact-settings.ts";
import type { PlatformConfig } from "../config.ts";
import { ownVersion } from "../own-version.ts";
import { stepEnvironment } from "../step-environment.ts";
import { postgresSettings } from "../store-settings.ts";
import { webhookKey } from "./internal-tokens.ts";
import { mirrorSettings } from "./mirror-settings.ts";
import { argoSettings, type ArgoSettings } from "./argo-settings.ts";
import {
  ABSOLUTE_PATH,
  HTTP_ADDRESS,
  hostPorts,
  optional,
  parseHostPort,
  port,
  setting,
  type Environment,
} from "./settings.ts";
import { servingSettings, type ServingSettings } from "./serving-settings.ts";
import { sharedSettings } from "./shared-settings.ts";

export interface ControlSettings {
  /** Without the folder of sockets, which is made at the start. */
  config: Omit<PlatformConfig, "runDir">;
  secrets: ControlSecrets;
  postgres: PostgresAddress;
  /** Of this process among those that may lead: its pod's name. */
  identity: string;
  /** "host:port" at which the others reach it. */
  address: string;
  /** Where it listens for serve and for the others. */
  listen: { host: string; port: number };
  /** Admin interfaces of serve: addresses, or names that stand for several. */
  serve: readonly { host: string; port: number }[];
  temporary: string;
  /** How pipelines run in pods; absent: their steps are children of control. */
  argo?: ArgoSettings;
  /** How models are served in pods of their own. */
  serving?: ServingSettings;
}

const AUDIT_DAYS = 1_095;
const MAX_FILE_BYTES = 50 * 2 ** 20;
const MAX_ARTIFACT_BYTES = 10 * 2 ** 30;

/** What control is told by variables. SETTING_MISSING and SETTING_INVALID name the variable. */
export function controlSettings(invocation: Invocation): ControlSettings {
  const { env, packageDir, mainFile, writerFile } = invocation;
  const { internalToken, tokenSha256, allowedHosts, host, dataDir } = sharedSettings(env);
  const predictions = { at: hostPorts(env, "SLIPWAY_PREDICTIONS") };
  const publicUrl = optional(env, "SLIPWAY_PUBLIC_URL", HTTP_ADDRESS);
  const artifacts = artifactsOf(env, dataDir);
  const mirror = mirrorSettings(env, artifacts);
  const pattern = sourcePattern(env);
  const webhooks = webhookSettings(env);
  const postgres = storeOf(env);
  const platformFile = optional(env, "SLIPWAY_PLATFORM_FILE", ABSOLUTE_PATH);
  const argo = argoSettings(env, packageDir);
  const serving = servingSettings(env, packageDir);
  return {
    config: {
      dataDir,
      host,
      port: port(env, "SLIPWAY_PUBLIC_PORT", 4600),
      grpcPort: port(env, "SLIPWAY_GRPC_PORT", 4601),
      allowedHosts: [...allowedHosts, ...(publicUrl === undefined ? [] : [new URL(publicUrl).host])],
      tokenSha256,
      auditDays: AUDIT_DAYS,
      signIn: { isRequired: true, ...(publicUrl === undefined ? {} : { publicUrl }) },
      version: ownVersion(packageDir),
      mainFile,
      writerFile,
      stepEnv: stepEnvironment(env),
      storeFile: join(dataDir, "slipway.db"),
      artifactRoot: "mlflow-artifacts:/",
      workingDir: dataDir,
      artifactsDir: artifacts.folder,
      artifacts: artifacts.settings,
      gitMirror: mirror.settings,
      maxFileBytes: MAX_FILE_BYTES,
      internalToken,
      webhooks: { secretKey: webhookKey(internalToken), ...webhooks },
      stepUrl: setting(env, "SLIPWAY_URL", HTTP_ADDRESS),
      predictions,
      ...(platformFile === undefined ? {} : { platformFile }),
      ...(pattern === undefined ? {} : { sourcePattern: pattern }),
    },
    secrets: { ...mirror.secrets, ...artifacts.secrets, postgres },
    postgres,
    identity: setting(env, "SLIPWAY_IDENTITY", { allowed: "the pod's name" }),
    address: addressOf(env),
    listen: { host, port: port(env, "SLIPWAY_PORT", 4610) },
    serve: hostPorts(env, "SLIPWAY_SERVE"),
    temporary: env["TMPDIR"] || "/tmp",
    ...(argo === undefined ? {} : { argo }),
    ...(serving === undefined ? {} : { serving }),
  };
}

function addressOf(env: Environment): string {
  return setting(env, "SLIPWAY_ADDRESS", {
    allowed: "host:port at which the other control pods reach this one",
    isRight: (text) => parseHostPort(text) !== undefined,
  });
}

function storeOf(env: Environment): PostgresAddress {
  const text = setting(env, "SLIPWAY_STORE", {
    allowed: "postgres://user@host/database: several processes share it",
    isRight: isPostgresAddress,
    isSecret: true,
  });
  const postgres = parsePostgresAddress(text);
  return postgresSettings(env, { postgres }) ?? postgres;
}

/** An S3-compatible store, or a folder that every control pod has. */
function artifactsOf(env: Environment, dataDir: string) {
  const text = setting(env, "SLIPWAY_ARTIFACTS", {
    allowed: "s3://bucket/prefix, or the absolute path of a folder that all control pods share",
    isRight: (given) => given.startsWith("s3://") || given.startsWith("/"),
  });
  const endpoint = env["SLIPWAY_ARTIFACTS_ENDPOINT"];
  const region = env["SLIPWAY_ARTIFACTS_REGION"];
  const artifactsS3 = {
    destination: text,
    ...(endpoint ? { endpoint } : {}),
    ...(region ? { region } : {}),
    ...(env["SLIPWAY_ARTIFACTS_STYLE"] === "path" ? { pathStyle: true } : {}),
    isProxied: env["SLIPWAY_ARTIFACTS_PROXIED"] === "true",
  };
  const options = { maxArtifactBytes: MAX_ARTIFACT_BYTES };
  if (!text.startsWith("s3://")) return { ...artifactSettings(env, options), folder: text };
  const found = artifactSettings(env, { ...options, artifactsS3 });
  const { s3 } = found.settings;
  const folder = join(dataDir, "artifacts");
  return { ...found, folder, how: artifactsS3, ...(s3 === undefined ? {} : { s3 }) };
}
