import { SlipwayError } from "../../http/errors.ts";
import { BadInput } from "../protocol/bad-input.ts";
import { datatypeNamed } from "../protocol/datatypes.ts";
import type { Tensor, TensorPort } from "../protocol/tensor.ts";
import { ModelLost } from "./model.ts";
import type { InvocationAnswer, Model } from "./model.ts";
import type { PythonPort } from "./python/describe.ts";
import { keepInUse } from "./python/keep-in-use.ts";
import { loadFailure, processDied } from "./python/load-failure.ts";
import { PYTHON_FRAME, PythonProcess } from "./python/python-process.ts";
import { decodeTensors, encodeTensors } from "./python/tensor-frames.ts";

/** Importing large frameworks from a cold disk takes minutes. */
const START_MS = 4 * 60_000;
/** No inference takes longer; callers' own deadlines are far shorter, and the router's watch ends what misses them. */
const LONGEST_MS = 10 * 60_000;

export interface PythonModelOptions {
  /** Interpreter of the environment that the model declares. */
  python: string;
  modelDir: string;
  threads: number;
  startMs?: number;
  longestMs?: number;
  log(text: string): void;
  /** The process that has the model is gone: what waits will never be answered here. */
  onDied(error: SlipwayError): void;
}

interface Waiting {
  resolve(frame: { kind: number; payload: Buffer }): void;
  reject(error: Error): void;
}

/** Starts Python in the model's own environment and loads the model there; MODEL_* errors say why it can't. */
export async function loadPythonModel(options: PythonModelOptions): Promise<Model> {
  const model = new PythonModel(options);
  await model.start();
  return model;
}

/** A model in a Python process of its own, which computes and nothing else. */
class PythonModel implements Model {
  inputs: readonly TensorPort[] = [];
  outputs: readonly TensorPort[] = [];
  readonly #options: PythonModelOptions;
  readonly #waiting: Waiting[] = [];
  #process: PythonProcess | undefined;
  #gone: SlipwayError | undefined;
  #isReleased = false;
  #use: { stop(): void } | undefined;

  constructor(options: PythonModelOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { python, modelDir, threads, log, startMs = START_MS } = this.#options;
    const ready = new Promise<{ kind: number; payload: Buffer }>((resolve, reject) =>
      this.#waiting.push({ resolve, reject }),
    );
    ready.catch(() => {});
    this.#process = await PythonProcess.start({
      python,
      command: "serve",
      modelDir,
      threads,
      log,
      onFrame: (kind, payload) => this.#waiting.shift()?.resolve({ kind, payload }),
      onEnd: (how) => this.#onEnd(how),
    });
    const frame = await within(startMs, ready, () => this.#startTimedOut(startMs));
    if (frame.kind !== PYTHON_FRAME.ready) {
      this.#isReleased = true;
      const error = loadFailure(frame.payload.toString("utf8"), this.#process.output.last(150));
      this.#process.kill();
      throw error;
    }
    const described = JSON.parse(frame.payload.toString("utf8")) as {
      inputs: PythonPort[];
      outputs: PythonPort[];
    };
    this.#use = keepInUse(python);
    this.inputs = described.inputs.map(portOf);
    this.outputs = described.outputs.map(portOf);
  }

  async run(inputs: readonly Tensor[]): Promise<Tensor[]> {
    const { kind, payload } = await this.#ask(PYTHON_FRAME.run, [encodeTensors(inputs)]);
    if (kind === PYTHON_FRAME.tensors) return decodeTensors(payload);
    throw errorOf(kind, payload);
  }

  async invoke(contentType: string, body: Buffer): Promise<InvocationAnswer> {
    const type = Buffer.from(contentType.slice(0, 255), "latin1");
    const parts = [Buffer.from([type.length]), type, body];
    const { kind, payload } = await this.#ask(PYTHON_FRAME.invoke, parts);
    if (kind !== PYTHON_FRAME.invoked) throw errorOf(kind, payload);
    const end = 3 + payload.readUInt8(2);
    return {
      status: payload.readUInt16LE(0),
      contentType: payload.toString("latin1", 3, end),
      body: Buffer.from(payload.subarray(end) as unknown as Uint8Array),
    };
  }

  resident(): number {
    return this.#process?.resident() ?? 0;
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    this.#use?.stop();
    await this.#process?.end();
  }

  async #ask(kind: number, parts: Buffer[]): Promise<{ kind: number; payload: Buffer }> {
    if (this.#gone !== undefined || this.#process === undefined)
      throw new ModelLost(this.#gone?.message ?? "");
    const { longestMs = LONGEST_MS } = this.#options;
    const answered = new Promise<{ kind: number; payload: Buffer }>((resolve, reject) =>
      this.#waiting.push({ resolve, reject }),
    );
    this.#process.send(kind, parts);
    return within(longestMs, answered, () => {
      this.#process?.kill();
      return new ModelLost(`the model hasn't answered within ${longestMs} ms`);
    });
  }

  #onEnd(how: string): void {
    const error = processDied(how, this.#process?.output.last(150) ?? []);
    this.#gone = error;
    for (const { reject } of this.#waiting.splice(0))
      reject(this.inputs.length === 0 ? error : new ModelLost(error.message));
    // Before it was ready, whoever started it is told by the rejection.
    if (!this.#isReleased && this.inputs.length > 0) this.#options.onDied(error);
  }

  #startTimedOut(startMs: number): Error {
    this.#isReleased = true;
    const lines = this.#process?.output.last(12) ?? [];
    this.#process?.kill();
    return new SlipwayError(
      "MODEL_START_TIMEOUT",
      `the model wasn't loaded within ${startMs / 1000} s${lines.length === 0 ? "" : ` (its last lines: ${lines.slice(-4).join(" / ")})`}`,
      { details: { lastLines: lines } },
    );
  }
}

function errorOf(kind: number, payload: Buffer): Error {
  const message = payload.toString("utf8");
  return kind === PYTHON_FRAME.badInput ? new BadInput(message) : new Error(message);
}

function portOf({ name, datatype, shape, column }: PythonPort): TensorPort {
  const known = datatypeNamed(datatype);
  if (known === undefined)
    throw new SlipwayError("MODEL_UNSUPPORTED_TYPE", `${JSON.stringify(name)} has datatype ${datatype}`);
  return { name, datatype: known, shape, ...(column === true ? { isColumn: true } : {}) };
}

/** The answer, or the error that `late` makes after `ms`. */
async function within<Answer>(ms: number, answer: Promise<Answer>, late: () => Error): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
