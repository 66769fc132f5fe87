import { isAbsolute, resolve } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import { parseSize } from "../../spec/units.ts";
import { isPostgresAddress, parsePostgresAddress } from "../../store/postgres/address.ts";
import { checkArtifactLocation } from "../../tracking/artifacts/uri.ts";
import { withHelp } from "../context.ts";
import type { CliContext } from "../context.ts";
import { exitCodesHelp } from "../exit.ts";
import { addSignInOptions, readSignIn, type GivenSignIn } from "../sign-in-options.ts";
import type { S3Options, UpOptions } from "../up-options.ts";

interface Given extends GivenSignIn {
  data: string;
  host: string;
  port: string;
  allowHost: string[];
  store?: string;
  storePasswordFile?: string;
  artifacts?: string;
  artifactsEndpoint?: string;
  artifactsRegion?: string;
  artifactsStyle?: string;
  artifactsProxied?: boolean;
  gitMirror?: string;
  maxArtifact: string;
  artifactRoot: string;
  maxFile: string;
  auditDays: string;
  grpcPort?: string;
  json?: boolean;
}

const DEFAULT_PORT = "4600";
/** Data of this size still belongs beside the code; more belongs into a step. */
const DEFAULT_MAX_FILE = "50Mi";
/** Three years: longer than anybody's release cycle, and what auditors usually ask for at least. */
const DEFAULT_AUDIT_DAYS = "1095";
const MAX_AUDIT_DAYS = 36_500;
const DEFAULT_MAX_ARTIFACT = "10Gi";

/** `slipway up`: starts the platform and stays with it. */
export function addUp(program: Command, context: CliContext): void {
  const command = program
    .command("up")
    .description("start the platform on this machine, until it gets SIGTERM or SIGINT")
    .option("--data <dir>", "folder for everything that must outlive a restart", "./.slipway")
    .option("--port <n>", "port of the one address; 0 picks a free one", DEFAULT_PORT)
    .option("--host <host>", "address to listen on; any but loopback needs a token", "127.0.0.1")
    .option("--allow-host <name>", "another name that callers may use (repeatable)", collect, [])
    .option("--store <place>", "SQLite file or postgres://user@host/database (default: in the data folder)")
    .option("--store-password-file <file>", "its first line is PostgreSQL's password (default: PGPASSWORD)")
    .option("--artifacts <place>", "folder or s3://bucket/prefix of artifacts (default: in the data folder)")
    .option("--artifacts-endpoint <url>", "address of an S3-compatible store other than AWS's")
    .option("--artifacts-region <name>", "region of the bucket (default: AWS_REGION, or us-east-1)")
    .option("--artifacts-style <path|host>", "where the bucket's name goes (default: path with an endpoint)")
    .option("--artifacts-proxied", "give clients no addresses of the store itself")
    .option(
      "--git-mirror <place>",
      "folder or s3://bucket/prefix that has every push before it is acknowledged",
    )
    .option("--max-artifact <size>", "largest artifact", DEFAULT_MAX_ARTIFACT)
    .option("--artifact-root <uri>", "where clients put new experiments' artifacts", "mlflow-artifacts:/")
    .option("--max-file <size>", "largest file that a push may carry", DEFAULT_MAX_FILE)
    .option("--audit-days <n>", "for how long the audit log is kept", DEFAULT_AUDIT_DAYS)
    .option(
      "--grpc-port <n>",
      "port of gRPC; 0 picks a free one (default: 4601; a free one when that is taken, or with --port 0)",
    )
    .option("--json", "print one JSON object with url, grpcUrl, gitUrl, pid, dataDir as the first line")
    .action(context.action((given: Given) => context.hooks.up(readOptions(given, context.terminal.cwd))));
  addSignInOptions(command);
  withHelp(
    command,
    [
      "slipway up",
      "slipway up --port 0 --data /tmp/try --json",
      "slipway up --host 0.0.0.0 --allow-host ml.example.org",
      "slipway up --auth required",
      "slipway up --oidc-issuer https://id.example.org --oidc-client-id slipway --oidc-grant ml-team=default:member",
      "slipway up --store postgres://slipway@db.example.org/slipway --store-password-file /run/secrets/db",
      "slipway up --artifacts s3://models/artifacts --artifacts-endpoint https://minio.example.org",
      "slipway up --git-mirror /mnt/backup/git",
      "slipway up --artifacts s3://models/artifacts --git-mirror s3://models/git",
    ],
    exitCodesHelp("refused"),
  );
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function readOptions(given: Given, cwd: string): UpOptions {
  const artifactsS3 = readS3(given);
  const artifactsDir = artifactsS3
    ? undefined
    : localPath("--artifacts", given.artifacts, "a folder or s3://bucket/prefix", cwd);
  return {
    dataDir: resolve(cwd, given.data),
    host: given.host,
    port: readPort("--port", given.port),
    ...(given.grpcPort === undefined ? {} : { grpcPort: readPort("--grpc-port", given.grpcPort) }),
    allowedHosts: given.allowHost,
    ...readStore(given, cwd),
    ...(artifactsDir === undefined ? {} : { artifactsDir }),
    ...(artifactsS3 === undefined ? {} : { artifactsS3 }),
    ...readGitMirror(given, cwd),
    maxArtifactBytes: readSize("--max-artifact", given.maxArtifact),
    artifactRoot: readArtifactRoot(given.artifactRoot, cwd),
    workingDir: cwd,
    maxFileBytes: readSize("--max-file", given.maxFile),
    auditDays: readDays("--audit-days", given.auditDays),
    signIn: readSignIn(given, (path) => resolve(cwd, path)),
    json: given.json === true,
  };
}

function readStore(
  { store, storePasswordFile }: Given,
  cwd: string,
): Pick<UpOptions, "storeFile" | "postgres" | "storePasswordFile"> {
  if (store !== undefined && isPostgresAddress(store)) {
    const postgres = parsePostgresAddress(store);
    return storePasswordFile === undefined
      ? { postgres }
      : { postgres, storePasswordFile: resolve(cwd, storePasswordFile) };
  }
  if (storePasswordFile !== undefined)
    throw new SlipwayError("USAGE", "a SQLite file has no password", {
      where: "--store-password-file",
      allowed: "with --store postgres://…",
    });
  const storeFile = localPath("--store", store, "a SQLite file or postgres://user@host/database", cwd);
  return storeFile === undefined ? {} : { storeFile };
}

function readGitMirror(given: Given, cwd: string): Pick<UpOptions, "gitMirror"> {
  const { gitMirror } = given;
  if (gitMirror?.startsWith("s3://")) return { gitMirror: s3Options(given, gitMirror) };
  const folder = localPath("--git-mirror", gitMirror, "a folder or s3://bucket/prefix", cwd);
  return folder === undefined ? {} : { gitMirror: folder };
}

function readS3(given: Given): S3Options | undefined {
  const { artifacts, artifactsEndpoint, artifactsRegion, artifactsStyle, gitMirror } = given;
  if (artifacts === undefined || !artifacts.startsWith("s3://")) {
    if (gitMirror?.startsWith("s3://") && given.artifactsProxied !== true) return undefined;
    const stray = Object.entries({ artifactsEndpoint, artifactsRegion, artifactsStyle }).find(
      ([, value]) => value,
    );
    if (stray === undefined && given.artifactsProxied !== true) return undefined;
    throw new SlipwayError("USAGE", "there is no S3-compatible store that this could be about", {
      where: "--artifacts-endpoint, -region, -style, -proxied",
      given: artifacts ?? "no --artifacts",
      allowed: "with --artifacts s3://bucket/prefix",
    });
  }
  return s3Options(given, artifacts);
}

/** How an S3-compatible store is reached, whatever is kept there. */
function s3Options(given: Given, destination: string): S3Options {
  const { artifactsEndpoint, artifactsRegion, artifactsStyle } = given;
  if (artifactsStyle !== undefined && artifactsStyle !== "path" && artifactsStyle !== "host")
    throw new SlipwayError("USAGE", "there is no such style", {
      where: "--artifacts-style",
      given: artifactsStyle,
      allowed: "path or host",
    });
  return {
    destination,
    ...(artifactsEndpoint === undefined ? {} : { endpoint: artifactsEndpoint }),
    ...(artifactsRegion === undefined ? {} : { region: artifactsRegion }),
    ...(artifactsStyle === undefined ? {} : { pathStyle: artifactsStyle === "path" }),
    isProxied: given.artifactsProxied === true,
  };
}

function readPort(where: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new SlipwayError("USAGE", "that isn't a port", {
    where,
    given: text,
    allowed: "0 to 65535",
  });
}

function readDays(where: string, given: string): number {
  const days = /^[1-9]\d{0,4}$/.test(given) ? Number(given) : Number.NaN;
  if (days <= MAX_AUDIT_DAYS) return days;
  throw new SlipwayError("USAGE", "that isn't a number of days", {
    where,
    given,
    allowed: `1 to ${MAX_AUDIT_DAYS}`,
  });
}

function readSize(where: string, given: string): number {
  const bytes = parseSize(given);
  if (bytes !== undefined && bytes >= 1) return bytes;
  throw new SlipwayError("USAGE", "that isn't a size", { where, given, allowed: "such as 50Mi or 2Gi" });
}

/** A path of this machine; `scheme://` names a store that isn't built. */
function localPath(
  option: string,
  given: string | undefined,
  allowed: string,
  cwd: string,
): string | undefined {
  if (given === undefined) return undefined;
  if (given === "")
    throw new SlipwayError("USAGE", "a path is needed", { where: option, given: '""', allowed });
  const path = given.replace(/^(file|sqlite):\/\/(?=\/)/, "");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) throw notBuilt(option, hideSecret(path), allowed);
  return isAbsolute(path) ? path : resolve(cwd, path);
}

function readArtifactRoot(given: string, cwd: string): string {
  // The artifact API's own address, as MLflow's server takes it as well.
  const ownApi = /^https?:\/\/[^/?#]+\/api\/2\.0\/mlflow-artifacts\/artifacts(\/[^?#]*)?$/.exec(given);
  try {
    return checkArtifactLocation(ownApi ? `mlflow-artifacts:${ownApi[1] ?? "/"}` : given, cwd);
  } catch (error) {
    throw new SlipwayError("USAGE", "artifacts can't be put there", {
      where: "--artifact-root",
      given: hideSecret(given),
      allowed: "mlflow-artifacts:/ (through the platform), a path, file:///path or s3://bucket/prefix",
      cause: error,
    });
  }
}

/** Addresses of databases and stores carry passwords; an error message ends up in logs. */
function hideSecret(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//…@");
}

function notBuilt(where: string, given: string, allowed: string): SlipwayError {
  return new SlipwayError("NOT_BUILT_YET", `${where} can't do this yet`, { where, given, allowed });
}
