import { spawn } from "node:child_process";
import type { ChildProcess, SendHandle } from "node:child_process";
import type { ToWorker } from "../../../serving/worker/config.ts";
import type { RotatingLog } from "./rotating-log.ts";
import type { FromChild, StartMessage, ToChildLater } from "./messages.ts";

/** How a child process is started. */
export interface Command {
  file: string;
  args: readonly string[];
}

export interface ChildExit {
  code: number | null;
  signal: string | null;
}

export interface ChildOptions {
  command: Command;
  env: Readonly<Record<string, string>>;
  cwd: string;
  log: Pick<RotatingLog, "write">;
  start: StartMessage;
  /** Socket that is handed over with the start message. */
  handle?: unknown;
  /** Another one, for gRPC: a message carries one socket. */
  grpcHandle?: unknown;
  onMessage(message: FromChild): void;
  /** After the last message, once. */
  onExit(exit: ChildExit): void;
}

/** Messages may still be on their way when a process has ended. */
const LAST_MESSAGES_MS = 500;

/** One child process of the supervisor: told what to be over IPC, its output in a bounded log. */
export class Child {
  readonly #process: ChildProcess;
  #isOver = false;

  constructor(options: ChildOptions) {
    const { command, env, cwd, log } = options;
    const child = spawn(command.file, [...command.args], {
      cwd,
      env: { ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#process = child;
    for (const output of [child.stdout, child.stderr])
      output?.on("data", (chunk: Buffer) => log.write(chunk as unknown as Uint8Array));
    child.on("message", (message) => options.onMessage(message as FromChild));
    this.#watchEnd(child, options.onExit);
    // The callbacks take errors of a child that died before it could read.
    if (options.grpcHandle !== undefined)
      child.send(
        { type: "grpc-address" } satisfies ToChildLater,
        options.grpcHandle as SendHandle,
        { keepOpen: true },
        () => undefined,
      );
    child.send(options.start, options.handle as undefined, { keepOpen: true }, () => undefined);
  }

  /** undefined when it couldn't be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(message: ToChildLater | ToWorker): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  /** Ends it whatever it does, stopped or not. */
  kill(): void {
    if (!this.#isOver) this.#process.kill("SIGKILL");
  }

  #watchEnd(child: ChildProcess, onExit: (exit: ChildExit) => void): void {
    let exit: ChildExit | undefined;
    const finish = () => {
      if (exit === undefined || this.#isOver) return;
      this.#isOver = true;
      onExit(exit);
    };
    child.once("error", (error) => {
      // Never started: no exit follows.
      if (child.pid !== undefined) return;
      exit = { code: null, signal: `not started: ${error.message}` };
      finish();
    });
    child.once("exit", (code, signal) => {
      exit = { code, signal };
      if (!child.connected) finish();
      else setTimeout(finish, LAST_MESSAGES_MS).unref();
    });
    child.once("disconnect", finish);
  }
}
