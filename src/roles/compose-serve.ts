import { chmodSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { digestOf } from "../http/credentials.ts";
import { answerLast, drained } from "../http/drain.ts";
import { SlipwayError } from "../http/errors.ts";
import { createGuard } from "../http/guard.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { metricsPage } from "../monitoring/metrics-routes.ts";
import { serveMetrics } from "../monitoring/process-metrics.ts";
import { createAdminServer } from "../serving/admin/admin-server.ts";
import { adminHandlers } from "../serving/admin/handlers.ts";
import { createForward } from "../serving/front/forward.ts";
import { createFront } from "../serving/front/front.ts";
import type { Upstream } from "../serving/front/upstream.ts";
import { CallerBook } from "../serving/router/caller-book.ts";
import { createRouter } from "../serving/router/router.ts";
import type { Router, RouterDeps } from "../serving/router/router.ts";
import type { TracingSettings } from "../serving/tracing/settings.ts";
import type { Tracer } from "../serving/tracing/tracer.ts";
import { stepToken } from "../tenancy/step-tokens.ts";
import type { PlatformConfig } from "./config.ts";

const MAX_CONNECTIONS = 4_096;
const MAX_PIPED = 1_024;
const FIRST_LINE_MS = 10_000;
const IDLE_MS = 15 * 60_000;
/** For the spans that haven't left yet. */
const TRACES_MS = 500;
const HAND_OVER_MS = 6_000;
const HAND_OVER_LOOK_MS = 50;

export type ServeConfig = Pick<
  PlatformConfig,
  | "dataDir"
  | "runDir"
  | "host"
  | "port"
  | "grpcPort"
  | "allowedHosts"
  | "tokenSha256"
  | "internalToken"
  | "version"
>;

/** Where it listens: at a handle that another process keeps open, at an address, or at a Unix socket. */
export type ListenAt =
  | { handle: unknown }
  | { host: string; port: number; option: string }
  | { path: string };

export interface ServeDeps {
  clock: Clock;
  workers: Pick<RouterDeps, "host" | "addressOf">;
  /** Who gets everything but predictions. */
  control: Upstream;
  http: ListenAt;
  grpc: ListenAt;
  admin: ListenAt;
  /** SHA-256 (hex) of the token of control's calls, where others can reach them too. */
  adminSha256?: string;
  /** Predictions over HTTP, for control on this machine. */
  predict?: ListenAt;
  /** Whoever makes the prediction log's files takes what there is from here, and callers are hashed by this key. */
  callersKey?: Buffer;
  /** undefined: no traces are made. */
  tracing?: TracingSettings | undefined;
}

export interface Serve {
  /**
   * Takes nothing new, answers what has come, for at most so long, and lets go of everything. `lingerMs` before, it isn't
   * ready any more and still takes what is sent by those who haven't heard of that.
   */
  drain(withinMs: number, lingerMs?: number): Promise<void>;
}

/** Builds the serve process from its parts: the router with what it knew before, and its listening addresses. */
export async function composeServe(config: ServeConfig, deps: ServeDeps): Promise<Serve> {
  const { clock } = deps;
  const { version } = config;
  const forward = createForward(deps.control, IDLE_MS);
  const guard = createGuard(config);
  const tracer = await openTracer(deps.tracing, version, clock);
  const router = await createRouter({
    tracer,
    serveDir: join(config.dataDir, "serve"),
    runDir: config.runDir,
    modelsRoot: join(config.dataDir, "models"),
    logsDir: join(config.dataDir, "logs"),
    ...deps.workers,
    clock,
    guard,
    callers: new CallerBook({
      path: join(config.dataDir, "serve", "tokens.json"),
      platformSha256: config.tokenSha256,
      stepSha256: digestOf(stepToken(config.internalToken, DEFAULT_TENANT)),
      now: () => clock.now(),
    }),
    version,
    forward,
    ...(deps.callersKey && { callersKey: deps.callersKey }),
  });
  const front = createFront({
    http: router.http,
    control: deps.control,
    maxConnections: MAX_CONNECTIONS,
    maxPiped: MAX_PIPED,
    firstLineMs: FIRST_LINE_MS,
    idleMs: IDLE_MS,
  });
  const own = {
    sources: [serveMetrics({ version, clock })],
    logDefect: (error: unknown) => console.error(error),
  };
  const metrics = () => metricsPage(own);
  const door =
    deps.adminSha256 === undefined ? undefined : { tokenSha256: deps.adminSha256, isReady, metrics };
  const admin = createAdminServer(adminHandlers(router), door);
  let isLeaving = false;
  function isReady(): boolean {
    return router.told.isComplete && !isLeaving;
  }
  await listen(admin, deps.admin);
  if (deps.predict !== undefined) await listen(router.http, deps.predict);
  await listen(front.server, deps.http);
  // HTTP first: loading HTTP/2 takes a tenth of the time in which a new serve must be back.
  const { createGrpc } = await import("../serving/grpc/create-grpc.ts");
  const grpc = createGrpc({ ...router, version, guard });
  await listen(grpc.server, deps.grpc);
  return {
    async drain(withinMs, lingerMs = 0) {
      isLeaving = true;
      answerLast(router.http);
      // Most of it is taken while this pod still answers.
      if (deps.callersKey !== undefined) void router.samples.roll();
      if (lingerMs > 0) await clock.sleep(lingerMs);
      front.server.close();
      if (router.http.listening) router.http.close();
      await Promise.all([
        drained(router.http, withinMs, { open: () => front.predicting }),
        grpc.drain(withinMs),
        // Where nobody keeps callers away first, as on one machine, control ends with this process anyway.
        lingerMs > 0 ? front.drainPiped(withinMs) : undefined,
      ]);
      router.copies.endAll();
      await Promise.all([router.log.flush(), router.samples.roll(), tracer?.close(TRACES_MS)]);
      if (deps.callersKey !== undefined) await handedOver(router, clock);
      front.close();
      forward.close();
      router.variants.detach();
      router.seen.close();
    },
  };
}

/** What the prediction log has goes with this pod: control takes it before, in as long as there is for it. */
async function handedOver({ segments }: Router, clock: Clock): Promise<void> {
  const deadline = clock.now() + HAND_OVER_MS;
  while ((await segments.list()).length > 0 && clock.now() < deadline) await clock.sleep(HAND_OVER_LOOK_MS);
}

/** Loaded only where traces are made. */
async function openTracer(
  settings: TracingSettings | undefined,
  version: string,
  clock: Clock,
): Promise<Tracer | undefined> {
  if (settings === undefined) return undefined;
  const { createTracer } = await import("../serving/tracing/tracer.ts");
  return createTracer({ settings, version, clock, note: (line) => console.error(line) });
}

/** PORT_IN_USE when another program listens there. */
async function listen(server: Server, at: ListenAt): Promise<void> {
  if ("path" in at) rmSync(at.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" && "port" in at ? inUse(at) : error),
    );
    if ("handle" in at) server.listen(at.handle, 1_024, () => resolve());
    else server.listen({ ...at, backlog: 1_024 }, () => resolve());
  });
  if ("path" in at) chmodSync(at.path, 0o600);
}

function inUse({ host, port, option }: { host: string; port: number; option: string }): SlipwayError {
  return new SlipwayError("PORT_IN_USE", `port ${port} of ${host} is in use by another program`, {
    where: option,
    given: String(port),
  });
}
