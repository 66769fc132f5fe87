import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { bytesOf } from "../../../base/bytes.ts";
import { FrameReader } from "../../frames.ts";
import { OutputTail } from "./output-tail.ts";
import { workerScript } from "./script.ts";

/** Kinds of frames, as in channel.py. */
export const PYTHON_FRAME = {
  run: 1,
  invoke: 2,
  ready: 16,
  tensors: 17,
  invoked: 18,
  badInput: 19,
  failed: 20,
} as const;

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const KIND = 4;
/** Asked to end, it has this long. */
const END_MS = 3_000;

export interface PythonProcessOptions {
  /** The environment's interpreter. */
  python: string;
  command: "serve" | "describe" | "compile";
  modelDir: string;
  /** Further arguments of the command. */
  more?: readonly string[];
  /** That numeric libraries may use. */
  threads: number;
  /** What it prints, already bounded. */
  log(text: string): void;
  onFrame(kind: number, payload: Buffer): void;
  /** Once, after the last frame. */
  onEnd(how: string): void;
}

/** Where the program's own folder isn't writable or known: what a model looks for by name is found here. */
const SYSTEM_PATH = ["/usr/local/bin", "/usr/bin", "/bin"];

/** One Python process that has a model: frames in and out over a socket pair of its own, prints into the log. */
export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly output: OutputTail;
  #isOver = false;
  readonly #ended: Promise<void>;

  private constructor(options: PythonProcessOptions, home: string) {
    this.output = new OutputTail({ write: (text) => options.log(text), now: () => performance.now() });
    const { python, command, modelDir, more = [], threads } = options;
    const child = spawn(python, [workerScript(), command, modelDir, ...more], {
      cwd: home,
      env: environmentOf(python, home, threads),
      // The leader of a group of its own: what a model starts goes with it.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => this.output.push(chunk));
    child.stderr?.on("error", () => {});
    this.#channel = child.stdio[3] as Duplex;
    this.#readFrames(options);
    this.#ended = new Promise((resolve) => {
      const over = (how: string) => {
        if (this.#isOver) return;
        this.#isOver = true;
        this.#killGroup();
        options.onEnd(how);
        void rm(home, { recursive: true, force: true }).finally(resolve);
      };
      child.once("error", (error) => over(`can't be started: ${error.message}`));
      // Not "exit": what it wrote last is still in the pipes then. But a grandchild may hold them open for ever.
      child.once("close", (code, signal) => over(endText(code, signal)));
      child.once("exit", (code, signal) => setTimeout(() => over(endText(code, signal)), 500).unref());
    });
  }

  static async start(options: PythonProcessOptions): Promise<PythonProcess> {
    return new PythonProcess(options, await mkdtemp(join(tmpdir(), "slipway-model-")));
  }

  send(kind: number, parts: readonly Buffer[]): void {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(
      parts.reduce((sum, part) => sum + part.length, 4),
      0,
    );
    head.writeUInt8(kind, 4);
    this.#channel.cork();
    this.#channel.write(bytesOf(head));
    for (const part of parts) this.#channel.write(bytesOf(part));
    this.#channel.uncork();
  }

  /** Resident bytes; 0 where the system doesn't tell. */
  resident(): number {
    try {
      const pages = readFileSync(`/proc/${this.#child.pid}/statm`, "utf8").split(" ")[1];
      return Number(pages) * 4096;
    } catch {
      return 0;
    }
  }

  /** At once, with all that it started. */
  kill(): void {
    this.#killGroup();
  }

  /** Lets it end by itself; resolves when it is gone. */
  async end(): Promise<void> {
    this.#channel.end();
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #readFrames({ onFrame }: PythonProcessOptions): void {
    const reader = new FrameReader(MAX_ANSWER_BYTES);
    this.#channel.on("error", () => {});
    this.#channel.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) onFrame(frame.readUInt8(0), frame.subarray(KIND));
      } catch (error) {
        this.output.push(Buffer.from(`its answer can't be read: ${(error as Error).message}\n`));
        this.kill();
      }
    });
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // All of it has ended.
    }
  }
}

function endText(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** No variable of ours: nothing that could hold a secret, and a home of its own. */
function environmentOf(python: string, home: string, threads: number): Record<string, string> {
  const count = String(threads);
  return {
    PATH: [dirname(python), ...SYSTEM_PATH].join(delimiter),
    HOME: home,
    TMPDIR: home,
    LANG: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    PYTHONNOUSERSITE: "1",
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    NUMEXPR_NUM_THREADS: count,
    // MLflow reports its use to its makers unless told otherwise; loading a model is nobody's business.
    MLFLOW_DISABLE_TELEMETRY: "true",
    DO_NOT_TRACK: "true",
  };
}
