import { chmodSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { digestOf } from "../http/credentials.ts";
import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import { createGuard } from "../http/guard.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { createAdminServer } from "../serving/admin/admin-server.ts";
import { adminHandlers } from "../serving/admin/handlers.ts";
import { createForward } from "../serving/front/forward.ts";
import { createFront } from "../serving/front/front.ts";
import { CallerBook } from "../serving/router/caller-book.ts";
import { createRouter } from "../serving/router/router.ts";
import type { Router } from "../serving/router/router.ts";
import { createIpcWorkerHost } from "../targets/local/ipc-worker-host.ts";
import { stepToken } from "../tenancy/step-tokens.ts";
import { SOCKETS } from "./config.ts";
import type { Tracer } from "../serving/tracing/tracer.ts";
import type { FromChild, ServeSecrets, ToChild } from "./config.ts";

const MAX_CONNECTIONS = 4_096;
const MAX_PIPED = 1_024;
const FIRST_LINE_MS = 10_000;
const IDLE_MS = 15 * 60_000;
/** With a supervisor that waits, and without one. */
const DRAIN_MS = 7_000;
const ORPHANED_MS = 1_000;
/** For the spans that haven't left yet. */
const TRACES_MS = 500;

type Start = Extract<ToChild, { type: "start" }>;

/** The serve process: owns the public address, answers predictions, hands all else to control. */
export async function serveRole(): Promise<void> {
  // The other end of these pipes dies with the supervisor; requests under way are answered all the same.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  // Ctrl-C reaches every process of the terminal; when to end is for the supervisor to say.
  process.on("SIGINT", () => undefined);
  const { start, handle, grpcHandle } = await started();
  try {
    const serve = await composeServe(start, handle, grpcHandle);
    const end = (withinMs: number) => void serve.drain(withinMs).finally(() => process.exit(0));
    process.on("message", (message: ToChild) => {
      if (message.type === "stop") end(DRAIN_MS);
    });
    process.on("SIGTERM", () => end(DRAIN_MS));
    process.on("disconnect", () => end(ORPHANED_MS));
    if (!process.connected) end(ORPHANED_MS);
    tell({ type: "ready" });
  } catch (error) {
    console.error(error);
    process.send?.({ type: "failed", error: toSlipwayError(error).toJSON() }, () => process.exit(1));
  }
}

async function composeServe(
  { config, living, serveSecrets }: Start,
  handle: unknown,
  grpcHandle: unknown,
): Promise<{ drain(withinMs: number): Promise<void> }> {
  const host = createIpcWorkerHost(living ?? [], tell);
  process.on("message", (message: ToChild) => {
    if (message.type !== "start") host.receive(message);
  });
  const socket = (name: keyof typeof SOCKETS) => join(config.runDir, SOCKETS[name]);
  const forward = createForward(socket("control"), IDLE_MS);
  const guard = createGuard(config);
  const { version } = config;
  const tracer = await openTracer(serveSecrets, version);
  const router = await createRouter({
    tracer,
    serveDir: join(config.dataDir, "serve"),
    runDir: config.runDir,
    modelsRoot: join(config.dataDir, "models"),
    logsDir: join(config.dataDir, "logs"),
    host,
    clock: systemClock,
    guard,
    callers: new CallerBook({
      path: join(config.dataDir, "serve", "tokens.json"),
      platformSha256: config.tokenSha256,
      stepSha256: digestOf(stepToken(config.internalToken, DEFAULT_TENANT)),
      now: () => systemClock.now(),
    }),
    version: config.version,
    forward,
  });
  const front = createFront({
    http: router.http,
    controlSocket: socket("control"),
    maxConnections: MAX_CONNECTIONS,
    maxPiped: MAX_PIPED,
    firstLineMs: FIRST_LINE_MS,
    idleMs: IDLE_MS,
  });
  const admin = createAdminServer(adminHandlers(router));
  await listenOnSocket(admin, socket("serve"));
  await listenOnSocket(router.http, socket("predict"));
  await listenOnHandle(front.server, handle, { ...config, option: "--port" });
  // HTTP first: loading HTTP/2 takes a tenth of the time in which a new serve must be back.
  const { createGrpc } = await import("../serving/grpc/create-grpc.ts");
  const grpc = createGrpc({ ...router, version: config.version, guard });
  await listenOnHandle(grpc.server, grpcHandle, { ...config, port: config.grpcPort, option: "--grpc-port" });
  return {
    async drain(withinMs) {
      front.server.close();
      await Promise.all([drained(router, withinMs), grpc.drain(withinMs)]);
      router.copies.endAll();
      await Promise.all([router.log.flush(), router.samples.roll(), tracer?.close(TRACES_MS)]);
      front.close();
      forward.close();
      router.variants.detach();
      router.seen.close();
    },
  };
}

/** Loaded only where traces are made. */
async function openTracer(secrets: ServeSecrets | undefined, version: string): Promise<Tracer | undefined> {
  const settings = secrets?.tracing;
  if (settings === undefined) return undefined;
  const { createTracer } = await import("../serving/tracing/tracer.ts");
  return createTracer({ settings, version, clock: systemClock, note: (line) => console.error(line) });
}

/** Waits until every request under way is answered. */
async function drained(router: Router, withinMs: number): Promise<void> {
  router.http.closeIdleConnections();
  const idle = new Promise<void>((resolve) => router.http.close(() => resolve()));
  // A connection that falls idle while draining is closed at its next turn.
  const sweep = setInterval(() => router.http.closeIdleConnections(), 50);
  const timeout = new Promise<void>((resolve) => setTimeout(resolve, withinMs));
  await Promise.race([idle, timeout]);
  clearInterval(sweep);
}

async function listenOnSocket(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
}

function listenOnHandle(
  server: Server,
  handle: unknown,
  { host, port, option }: { host: string; port: number; option: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      return reject(
        new SlipwayError("PORT_IN_USE", `port ${port} of ${host} is in use by another program`, {
          where: option,
          given: String(port),
        }),
      );
    });
    if (handle === undefined) server.listen(port, host, 1_024, () => resolve());
    else server.listen(handle, 1_024, () => resolve());
  });
}

function started(): Promise<{ start: Start; handle: unknown; grpcHandle: unknown }> {
  return new Promise((resolve) => {
    let grpcHandle: unknown;
    const onMessage = (message: ToChild, handle: unknown) => {
      if (message.type === "grpc-address") grpcHandle = handle;
      if (message.type !== "start") return;
      process.off("message", onMessage);
      resolve({ start: message, handle, grpcHandle });
    };
    process.on("message", onMessage);
  });
}

function tell(message: FromChild): void {
  process.send?.(message);
}
