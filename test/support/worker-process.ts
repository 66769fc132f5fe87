// A real worker process and a client of its socket.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf } from "../../src/base/bytes.ts";
import { FRAME_KIND, FrameReader, decodeAnswer, requestHead } from "../../src/serving/frames.ts";
import type { AnswerFrame, FrameKind } from "../../src/serving/frames.ts";
import type { FromWorker, ToWorker, WorkerConfig } from "../../src/serving/worker/config.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const MEBIBYTE = 1024 * 1024;

export interface Answer {
  status: number;
  prediction: string;
  /** Parsed JSON, undefined for an empty body. */
  body: unknown;
}

export interface TestWorker {
  process: ChildProcess;
  config: WorkerConfig;
  /** Its first word. */
  said: FromWorker;
  /** What it wrote to stderr so far. */
  log(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  tell(message: ToWorker): void;
  /** Kills it if need be and removes its folder. */
  remove(): Promise<void>;
}

/** Writes the files into a folder of a model and starts a worker on it; resolves with its first word. */
export async function startTestWorker(
  files: Record<string, Uint8Array | string>,
  more: Partial<WorkerConfig> = {},
): Promise<TestWorker> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-worker-"));
  const modelDir = join(folder, "model");
  await mkdir(modelDir);
  for (const [name, content] of Object.entries(files)) await writeFile(join(modelDir, name), content);
  const config: WorkerConfig = {
    id: "w1",
    process: "p1",
    isShared: false,
    socketPath: join(folder, "w.sock"),
    service: "digits",
    version: 3,
    format: "onnx",
    modelDir,
    maxFrameBytes: 4 * MEBIBYTE,
    threads: 1,
    memoryBytes: 2048 * MEBIBYTE,
    maxBatchRows: 256,
    ...more,
  };
  const child = fork(MAIN, ["__role", "worker"], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const exited = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (log += text));
  const tell = (message: ToWorker) => void child.send(message);
  tell({ type: "start", worker: config });
  const [said] = (await once(child, "message")) as [FromWorker];
  return {
    process: child,
    config,
    said,
    log: () => log,
    exited,
    tell,
    async remove() {
      child.kill("SIGKILL");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A router's side of the connection. */
export class TestConnection {
  readonly socket: Socket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  private constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader(64 * MEBIBYTE);
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#settle(decodeAnswer(frame));
    });
    socket.on("error", () => socket.destroy());
  }

  static async open(path: string): Promise<TestConnection> {
    const socket = connect(path);
    await once(socket, "connect");
    return new TestConnection(socket);
  }

  /** Writes the frame in this turn; a body that isn't a string is sent as JSON. */
  ask(kind: FrameKind, body: unknown): Promise<Answer> {
    const id = this.#nextId++;
    const bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    this.socket.write(bytesOf(Buffer.concat([requestHead(id, kind, bytes.length), bytes] as never[])));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  infer(body: unknown): Promise<Answer> {
    return this.ask(FRAME_KIND.v2, body);
  }

  /** Several requests in one write, so that they are waiting together. */
  inferTogether(bodies: readonly unknown[]): Promise<Answer[]> {
    this.socket.cork();
    const answers = bodies.map((body) => this.infer(body));
    this.socket.uncork();
    return Promise.all(answers);
  }

  cancel(id: number): void {
    this.socket.write(bytesOf(requestHead(id, FRAME_KIND.cancel, 0)));
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    this.socket.destroy();
    await once(this.socket, "close");
  }

  #settle(answer: AnswerFrame): void {
    const body: unknown = answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString("utf8"));
    this.#waiting.get(answer.id)?.({ status: answer.status, prediction: answer.prediction, body });
    this.#waiting.delete(answer.id);
  }
}

/** An Open Inference V2 request with one input. */
export function v2(name: string, datatype: string, shape: readonly number[], data: readonly unknown[]) {
  return { inputs: [{ name, datatype, shape, data }] };
}
