import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { toSlipwayError } from "../http/errors.ts";
import { createIpcWorkerHost } from "../targets/local/ipc-worker-host.ts";
import { composeServe } from "./compose-serve.ts";
import type { Serve } from "./compose-serve.ts";
import { SOCKETS } from "./config.ts";
import type { FromChild, ToChild } from "./config.ts";

/** With a supervisor that waits, and without one. */
const DRAIN_MS = 7_000;
const ORPHANED_MS = 1_000;

type Start = Extract<ToChild, { type: "start" }>;

/** The serve process: owns the public address, answers predictions, hands all else to control. */
export async function serveRole(): Promise<void> {
  // The other end of these pipes dies with the supervisor; requests under way are answered all the same.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  // Ctrl-C reaches every process of the terminal; when to end is for the supervisor to say.
  process.on("SIGINT", () => undefined);
  const { start, handle, grpcHandle } = await started();
  try {
    const serve = await serveFor(start, handle, grpcHandle);
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

function serveFor(
  { config, living, serveSecrets }: Start,
  handle: unknown,
  grpcHandle: unknown,
): Promise<Serve> {
  const host = createIpcWorkerHost(living ?? [], tell);
  process.on("message", (message: ToChild) => {
    if (message.type !== "start") host.receive(message);
  });
  const socket = (name: keyof typeof SOCKETS) => ({ path: join(config.runDir, SOCKETS[name]) });
  const { host: name, port, grpcPort } = config;
  return composeServe(config, {
    clock: systemClock,
    workers: { host },
    control: socket("control"),
    http: handle === undefined ? { host: name, port, option: "--port" } : { handle },
    grpc:
      grpcHandle === undefined
        ? { host: name, port: grpcPort, option: "--grpc-port" }
        : { handle: grpcHandle },
    admin: socket("serve"),
    predict: socket("predict"),
    tracing: serveSecrets?.tracing,
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
