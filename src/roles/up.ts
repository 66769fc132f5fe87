import { createHash, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Invocation } from "../base/invocation.ts";
import type { UpOptions } from "../cli/up-options.ts";
import { TOKEN_PREFIX } from "../http/credentials.ts";
import { SlipwayError } from "../http/errors.ts";
import { sourcePattern } from "../registry/source-pattern.ts";
import { webhookSettings } from "../registry/webhooks/settings.ts";
import { isLoopback } from "../http/guard.ts";
import { systemProcessTable } from "../targets/local/engine/process-table.ts";
import { readTracing } from "../serving/tracing/settings.ts";
import { openDataFolder } from "../targets/local/supervisor/data-folder.ts";
import { bindPublicAddress } from "../targets/local/supervisor/public-address.ts";
import type { BoundAddress } from "../targets/local/supervisor/public-address.ts";
import type { Supervisor } from "../targets/local/supervisor/supervisor.ts";
import { startSupervisor } from "../targets/local/supervisor/supervisor.ts";
import { artifactSettings, type ArtifactSettings } from "./artifact-settings.ts";
import { gitMirrorSettings } from "./git-mirror-settings.ts";
import { mlflowAllowedHosts } from "./mlflow-settings.ts";
import { ownVersion } from "./own-version.ts";
import type { PlatformConfig } from "./config.ts";
import { signInSecrets } from "./sign-in-secrets.ts";
import { stepEnvironment } from "./step-environment.ts";
import { postgresSettings } from "./store-settings.ts";

/** Runs the platform until it is told to end; answers the exit code. A second signal ends it at once. */
export async function runUp(invocation: Invocation, options: UpOptions): Promise<number> {
  const stepEnv = stepEnvironment(invocation.env);
  const artifacts = artifactSettings(invocation.env, options);
  const artifactsDir = options.artifactsDir ?? join(options.dataDir, "artifacts");
  const { s3 } = artifacts.settings;
  const kept = { folder: artifactsDir, ...(s3 === undefined ? {} : { s3 }) };
  const gitMirror = gitMirrorSettings(invocation.env, options, kept);
  const postgres = postgresSettings(invocation.env, options);
  // What was given on the command line, a password perhaps, is not for everyone who can list processes.
  if (postgres?.password !== undefined) process.title = "slipway up";
  const gitFound = checkGit(stepEnv["PATH"] ?? "");
  gitFound.catch(() => undefined);
  const { settings: tracing, warnings } = readTracing(invocation.env);
  for (const line of warnings) process.stderr.write(`slipway: ${line}\n`);
  const { dataDir, host } = options;
  const version = ownVersion(invocation.packageDir);
  const folder = await openDataFolder({
    dataDir,
    tempDir: invocation.env["TMPDIR"] ?? "/tmp",
    version,
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    processes: systemProcessTable(process.platform),
  });
  let address: BoundAddress | undefined;
  let grpcAddress: BoundAddress | undefined;
  try {
    await gitFound;
    address = await bindPublicAddress(host, options.port);
    grpcAddress = await bindGrpcAddress(host, options);
    const token = takeToken(dataDir, options.signIn.isRequired || !isLoopback(host));
    const config = configOf(invocation, options, artifacts.settings, {
      ...(gitMirror === undefined ? {} : { gitMirror: gitMirror.settings }),
      runDir: folder.runDir,
      port: address.port,
      grpcPort: grpcAddress.port,
      tokenSha256: token?.sha256 ?? null,
      version,
      stepEnv,
    });
    const supervisor = startSupervisor({
      commands: commandsOf(invocation.mainFile),
      config,
      controlSecrets: {
        ...gitMirror?.secrets,
        ...artifacts.secrets,
        ...(postgres === undefined ? {} : { postgres }),
        ...signInSecrets(invocation.env, options.signIn),
      },
      serveSecrets: tracing === undefined ? {} : { tracing },
      publicHandle: address.handle,
      grpcHandle: grpcAddress.handle,
      env: stepEnv,
      dataDir,
      now: () => Date.now(),
      note: (line) => void process.stderr.write(`slipway: ${line}\n`),
      onChildren: folder.recordChildren,
    });
    await untilSignal(
      supervisor,
      () => announce(config, options, token?.fresh),
      () => folder.release(),
    );
    await supervisor.stop();
    return 0;
  } finally {
    address?.close();
    grpcAddress?.close();
    folder.release();
  }
}

const GRPC_PORT = 4601;

/**
 * The port that was asked for, or none. Where nobody asked for one it is the usual port, or a free one when another
 * platform has that: two platforms on a machine are told apart by their `--port` alone.
 */
async function bindGrpcAddress(host: string, { port, grpcPort }: UpOptions): Promise<BoundAddress> {
  try {
    return await bindPublicAddress(host, grpcPort ?? (port === 0 ? 0 : GRPC_PORT), "--grpc-port");
  } catch (error) {
    const isTaken = error instanceof SlipwayError && error.code === "PORT_IN_USE";
    if (!isTaken || grpcPort !== undefined) throw error;
    const free = await bindPublicAddress(host, 0, "--grpc-port");
    process.stderr.write(`slipway: port ${GRPC_PORT} is in use; gRPC has port ${free.port}\n`);
    return free;
  }
}

/** Resolves at the first signal; a second one ends everything at once. Rejects when the platform can't start. */
async function untilSignal(supervisor: Supervisor, onReady: () => void, onKill: () => void): Promise<void> {
  const ended = endSignals();
  void ended.second.then(() => {
    supervisor.kill();
    onKill();
    process.exit(1);
  });
  const first = await Promise.race([supervisor.ready.then(() => "ready" as const), ended.first]);
  if (first === "signal") return;
  onReady();
  await ended.first;
}

type Found = Pick<
  PlatformConfig,
  "runDir" | "port" | "grpcPort" | "tokenSha256" | "version" | "stepEnv" | "gitMirror"
>;

function configOf(
  invocation: Invocation,
  options: UpOptions,
  artifacts: ArtifactSettings,
  found: Found,
): PlatformConfig {
  const { dataDir, host, allowedHosts, artifactRoot, workingDir, auditDays, maxFileBytes, signIn } = options;
  const pattern = sourcePattern(invocation.env);
  const publicHost = signIn.publicUrl === undefined ? [] : [new URL(signIn.publicUrl).host];
  return {
    ...found,
    dataDir,
    host,
    allowedHosts: [...allowedHosts, ...mlflowAllowedHosts(invocation.env), ...publicHost],
    signIn,
    artifactRoot,
    workingDir,
    auditDays,
    maxFileBytes,
    mainFile: invocation.mainFile,
    writerFile: invocation.writerFile,
    storeFile: options.storeFile ?? join(dataDir, "slipway.db"),
    artifactsDir: options.artifactsDir ?? join(dataDir, "artifacts"),
    artifacts,
    internalToken: `${TOKEN_PREFIX}${randomBytes(32).toString("base64url")}`,
    webhooks: webhookSettings(invocation.env),
    ...(pattern === undefined ? {} : { sourcePattern: pattern }),
  };
}

function commandsOf(mainFile: string) {
  const role = (name: string, flags: readonly string[]) => ({
    file: process.execPath,
    args: [...flags, mainFile, "__role", name],
  });
  return { serve: role("serve", []), control: role("control", []), worker: role("worker", []) };
}

function endSignals(): { first: Promise<"signal">; second: Promise<void> } {
  let count = 0;
  let resolveFirst: (value: "signal") => void = () => undefined;
  let resolveSecond: () => void = () => undefined;
  const first = new Promise<"signal">((resolve) => (resolveFirst = resolve));
  const second = new Promise<void>((resolve) => (resolveSecond = resolve));
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      count += 1;
      if (count === 1) resolveFirst("signal");
      else resolveSecond();
    });
  return { first, second };
}

function announce(config: PlatformConfig, options: UpOptions, freshToken: string | undefined): void {
  const name = config.host.includes(":") ? `[${config.host}]` : config.host;
  const url = `http://${name}:${config.port}`;
  // As gRPC's clients take it: host and port, no scheme.
  const grpcUrl = `${name}:${config.grpcPort}`;
  const gitUrl = `${url}/git`;
  if (options.json) {
    const token = freshToken === undefined ? {} : { token: freshToken };
    const line = { url, gitUrl, grpcUrl, pid: process.pid, dataDir: config.dataDir, ...token };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const lines = [
    `Slipway ${config.version} is ready`,
    "",
    `  Address  ${url}`,
    `  gRPC     ${grpcUrl}`,
    `  Push to  ${gitUrl}/<project>.git`,
    `  Data     ${config.dataDir}`,
    ...(config.artifactRoot.startsWith("mlflow-artifacts:")
      ? []
      : [`  Files    new experiments put them at ${config.artifactRoot}, which only clients open`]),
    `  Stop     Ctrl-C, or kill ${process.pid}`,
    ...tokenLines(config, freshToken),
    "",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function tokenLines(config: PlatformConfig, freshToken: string | undefined): string[] {
  if (config.tokenSha256 === null) return [];
  const path = join(config.dataDir, TOKEN_FILE);
  const said = freshToken ?? `as shown when it was made (to get a new one: remove ${path} and start again)`;
  return [
    "",
    isLoopback(config.host)
      ? "  Every call needs a caller: sign in with `slipway login`, or send the token"
      : `  ${config.host} can be reached from elsewhere: every call needs a caller, or the token`,
    `  Token    ${said}`,
  ];
}

const TOKEN_FILE = "token.json";

/** Where callers are asked for. The token is shown once, when it is made; only its hash is kept. */
function takeToken(dataDir: string, isRequired: boolean): { sha256: string; fresh?: string } | undefined {
  if (!isRequired) return undefined;
  const path = join(dataDir, TOKEN_FILE);
  try {
    const { sha256 } = JSON.parse(readFileSync(path, "utf8")) as { sha256: string };
    if (/^[0-9a-f]{64}$/.test(sha256)) return { sha256 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      throw new SlipwayError("DATA_UNUSABLE", "the token's file can't be read", {
        where: path,
        cause: error,
      });
  }
  const fresh = `${TOKEN_PREFIX}${randomBytes(32).toString("base64url")}`;
  const sha256 = createHash("sha256").update(fresh).digest("hex");
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(path, `${JSON.stringify({ sha256 })}\n`, { mode: 0o600, flush: true } as object);
  return { sha256, fresh };
}

/** Rejects with GIT_MISSING when there is no git to run. */
function checkGit(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const missing = (cause?: unknown) =>
      reject(new SlipwayError("GIT_MISSING", "git can't be found", { where: "PATH", given: path, cause }));
    const child = spawn("git", ["--version"], { env: { PATH: path }, stdio: "ignore" });
    child.once("error", missing);
    child.once("exit", (code) => (code === 0 ? resolve() : missing()));
  });
}
