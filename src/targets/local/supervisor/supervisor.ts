import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SlipwayError } from "../../../http/errors.ts";
import type { ErrorBody } from "../../../http/errors.ts";
import { Child } from "./child.ts";
import type { Command } from "./child.ts";
import { KeptChild } from "./kept-child.ts";
import type { FromChild } from "./messages.ts";
import { RotatingLog } from "./rotating-log.ts";
import { WorkerChildren } from "./worker-children.ts";

export interface SupervisorOptions {
  commands: { serve: Command; control: Command; worker: Command };
  /** Passed on to every child with its start message. */
  config: unknown;
  /** Passed on to control alone. */
  controlSecrets?: unknown;
  /** Passed on to serve alone. */
  serveSecrets?: unknown;
  /** The bound socket of the public address; it stays open here while serve comes and goes. */
  publicHandle: unknown;
  /** The one of gRPC's address, likewise. */
  grpcHandle: unknown;
  env: Readonly<Record<string, string>>;
  dataDir: string;
  now(): number;
  /** A line for whoever looks at the supervisor's own output. */
  note(line: string): void;
  /** Called with the children's pids whenever one was started or has ended. */
  onChildren(children: { name: string; pid: number }[]): void;
}

export interface Supervisor {
  /** Both serve and control are ready. Rejects when one can't start; the others are ended then. */
  readonly ready: Promise<void>;
  /** Drains and ends all within ten seconds. */
  stop(): Promise<void>;
  /** Ends all at once. */
  kill(): void;
}

const LOG_BYTES = 5 * 1024 * 1024;
const DRAIN_MS = 8_000;
const WORKERS_MS = 1_000;

/** Starts serve and control side by side, keeps both up, and holds the workers that serve asks for. */
export function startSupervisor(options: SupervisorOptions): Supervisor {
  const { commands, config, env, dataDir, now, note } = options;
  const logsDir = join(dataDir, "logs");
  mkdirSync(logsDir, { recursive: true });
  const logs = new Map<string, RotatingLog>();
  const log = (name: string): RotatingLog => {
    let found = logs.get(name);
    if (found === undefined)
      logs.set(name, (found = new RotatingLog(join(logsDir, `${name}.log`), LOG_BYTES)));
    return found;
  };
  const onChange = () => {
    const kept = { serve: serve.child?.pid, control: control.child?.pid };
    options.onChildren([
      ...Object.entries(kept).flatMap(([name, pid]) => (pid === undefined ? [] : [{ name, pid }])),
      ...workers.pids(),
    ]);
  };
  const workers = new WorkerChildren({
    command: commands.worker,
    env,
    cwd: dataDir,
    config,
    log,
    tell: (message) => serve.child?.send(message),
    onChange,
  });
  const keep = (name: "serve" | "control", onMessage: (message: FromChild) => void): KeptChild =>
    new KeptChild({
      name,
      now,
      note,
      onChange,
      onMessage,
      spawn: (messages, exit) =>
        new Child({
          command: commands[name],
          env,
          cwd: dataDir,
          log: log(name),
          start: {
            type: "start",
            config,
            ...(name === "serve"
              ? { living: workers.living(), serveSecrets: options.serveSecrets }
              : { secrets: options.controlSecrets }),
          },
          ...(name === "serve" ? { handle: options.publicHandle, grpcHandle: options.grpcHandle } : {}),
          onMessage: messages,
          onExit: exit,
        }),
    });
  const serve = keep("serve", (message) => {
    if (message.type === "spawn-worker") workers.spawn(message.worker);
    if (message.type === "end-worker") workers.end(message.id, message.how, message.why);
  });
  const control = keep("control", () => undefined);
  const parts = { serve, control, workers };
  serve.start();
  control.start();
  const ready = Promise.all([serve.ready, control.ready]).then(
    () => undefined,
    async (reason: ErrorBody | string) => {
      await stopParts(parts);
      throw startError(reason, logsDir);
    },
  );
  return {
    ready,
    async stop() {
      await stopParts(parts);
      for (const open of logs.values()) open.close();
    },
    kill: () => killParts(parts),
  };
}

interface Parts {
  serve: KeptChild;
  control: KeptChild;
  workers: WorkerChildren;
}

async function stopParts({ serve, control, workers }: Parts): Promise<void> {
  serve.stop();
  control.stop();
  await until(() => serve.child === undefined && control.child === undefined, DRAIN_MS);
  workers.stopAll();
  await until(() => workers.size === 0, WORKERS_MS);
  killParts({ serve, control, workers });
  await until(() => serve.child === undefined && control.child === undefined && workers.size === 0, 500);
}

function killParts({ serve, control, workers }: Parts): void {
  serve.child?.kill();
  control.child?.kill();
  workers.killAll();
}

const LOOK_EVERY_MS = 10;

async function until(isTrue: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!isTrue() && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

function startError(reason: ErrorBody | string, logsDir: string): SlipwayError {
  if (typeof reason !== "string") return SlipwayError.fromJSON(reason);
  return new SlipwayError("ROLE_NOT_STARTED", `the platform can't start: ${reason}`, { where: logsDir });
}
