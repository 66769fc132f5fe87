import { SlipwayError } from "../../../http/errors.ts";
import { watchMemory } from "../memory-limit.ts";
import { loadFailure, processDied } from "./load-failure.ts";
import { PYTHON_FRAME, PythonProcess } from "./python-process.ts";

/** Importing a large framework for the first time compiles it. */
const DESCRIBE_MS = 5 * 60_000;
/** More than any worker has unless it is asked for; what a model of a service may use is known only later. */
const DESCRIBE_BYTES = 8 * 2 ** 30;

/** A tensor in Open Inference V2's JSON, with flat data. */
export interface JsonTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown[];
}

/** A port as served_model.py describes it. */
export interface PythonPort {
  name: string;
  datatype: string;
  shape: number[];
  /** A column of a table. */
  column?: boolean;
}

/** What a model says of itself in its own environment. */
export interface Description {
  python: string;
  mlflow: string;
  inputs: PythonPort[];
  outputs: PythonPort[];
  /** What a person should know, such as an example that can't be used. */
  notes: string[];
  /** Its saved input example, and what it answered to it; absent when it has none. */
  example?: JsonTensor[];
  answer?: JsonTensor[];
}

/** Loads a model once in its own environment, in a process that ends afterwards. MODEL_* errors say why it can't. */
export async function describeModel(options: {
  python: string;
  modelDir: string;
  log(text: string): void;
}): Promise<Description> {
  let said: { kind: number; payload: Buffer } | undefined;
  let end: (how: string) => void = () => {};
  const ended = new Promise<string>((resolve) => (end = resolve));
  const child = await PythonProcess.start({
    ...options,
    command: "describe",
    threads: 1,
    onFrame: (kind, payload) => (said = { kind, payload: Buffer.from(payload as unknown as Uint8Array) }),
    onEnd: (how) => end(how),
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill();
  }, DESCRIBE_MS);
  let isOver = false;
  const memory = watchMemory(
    DESCRIBE_BYTES,
    () => child.resident(),
    () => {
      isOver = true;
      child.kill();
    },
  );
  const how = await ended;
  clearTimeout(timer);
  memory.stop();
  const lines = child.output.last(150);
  if (said?.kind === PYTHON_FRAME.ready) return JSON.parse(said.payload.toString("utf8")) as Description;
  if (isOver)
    throw new SlipwayError("MODEL_OUT_OF_MEMORY", `loading the model took more than ${DESCRIBE_BYTES} bytes`);
  if (isLate)
    throw new SlipwayError("MODEL_START_TIMEOUT", `the model wasn't loaded within ${DESCRIBE_MS / 1000} s`, {
      details: { lastLines: lines.slice(-12) },
    });
  throw said === undefined ? processDied(how, lines) : loadFailure(said.payload.toString("utf8"), lines);
}
