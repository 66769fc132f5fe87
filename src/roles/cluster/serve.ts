import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { Invocation } from "../../base/invocation.ts";
import { digestOf } from "../../http/credentials.ts";
import { toSlipwayError } from "../../http/errors.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { tunnelLine } from "../../serving/front/tunnel-line.ts";
import type { WorkerHost } from "../../serving/router/worker-host.ts";
import { readTracing } from "../../serving/tracing/settings.ts";
import { workerToken } from "../../tenancy/worker-tokens.ts";
import { composeServe, type Serve } from "../compose-serve.ts";
import { ownVersion } from "../own-version.ts";
import { adminToken, callersKey, tunnelToken } from "./internal-tokens.ts";
import { serveSettings, type ServeSettings } from "./serve-settings.ts";
import { parseHostPort, type Environment } from "./settings.ts";
import { exitBadSettings } from "./exit.ts";

/** For which control is waited for when none of its pods answers. */
const CONTROL_PATIENCE_MS = 5_000;
/** For which requests still come after the pod was said to end: until everybody has heard of it. */
const LINGER_MS = 3_000;
const DRAIN_MS = 15_000;

/** Models are in pods: no process is started from here. */
const NO_PROCESSES: WorkerHost = {
  living: [],
  spawn: () => undefined,
  end: () => undefined,
  listen: () => undefined,
};

/** `--role=serve`: the public address of a platform in a cluster, in one of several pods. Told what to be by variables. */
export async function serveRole({ env, packageDir }: Invocation): Promise<void> {
  process.title = "slipway serve";
  let settings: ServeSettings;
  try {
    settings = serveSettings(env);
  } catch (error) {
    return exitBadSettings(error);
  }
  const runDir = mkdtempSync(join(settings.temporary, "slipway-serve-"));
  let serve: Serve | undefined;
  const end = (code: number): void => {
    const drained = serve?.drain(DRAIN_MS, LINGER_MS) ?? Promise.resolve();
    void drained.finally(() => {
      rmSync(runDir, { recursive: true, force: true });
      process.exit(code);
    });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => end(0));
  try {
    serve = await open(settings, { env, runDir, version: ownVersion(packageDir) });
    console.error(`${new Date().toISOString()} serve: listens at port ${settings.httpPort}`);
  } catch (error) {
    const { code, message, hint } = toSlipwayError(error);
    console.error(`${new Date().toISOString()} serve: ${code}: ${message}. ${hint}`);
    end(1);
  }
}

function open(
  settings: ServeSettings,
  { env, runDir, version }: { env: Environment; runDir: string; version: string },
): Promise<Serve> {
  const { host, dataDir, internalToken, tokenSha256, allowedHosts, httpPort, grpcPort, adminPort } = settings;
  const { settings: tracing, warnings } = readTracing(env);
  for (const line of warnings) console.error(line);
  mkdirSync(join(dataDir, "serve"), { recursive: true });
  const hello = tunnelLine(tunnelToken(internalToken), 0);
  return composeServe(
    {
      dataDir,
      runDir,
      host,
      port: httpPort,
      grpcPort,
      allowedHosts,
      tokenSha256,
      internalToken,
      version,
    },
    {
      clock: systemClock,
      workers: {
        host: NO_PROCESSES,
        addressOf: (endpoint, { tenant = DEFAULT_TENANT }) => ({
          ...(parseHostPort(endpoint) ?? { host: endpoint, port: 0 }),
          token: workerToken(internalToken, tenant),
        }),
      },
      control: { at: settings.control, hello, patienceMs: CONTROL_PATIENCE_MS },
      http: { host, port: httpPort, option: "SLIPWAY_PORT" },
      grpc: { host, port: grpcPort, option: "SLIPWAY_GRPC_PORT" },
      admin: { host, port: adminPort, option: "SLIPWAY_ADMIN_PORT" },
      adminSha256: digestOf(adminToken(internalToken)),
      callersKey: callersKey(internalToken),
      tracing,
    },
  );
}
