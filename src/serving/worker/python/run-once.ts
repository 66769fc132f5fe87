import { SlipwayError } from "../../../http/errors.ts";
import { watchMemory } from "../memory-limit.ts";
import { loadFailure, processDied } from "./load-failure.ts";
import { PYTHON_FRAME, PythonProcess } from "./python-process.ts";

/** More than any worker has unless it is asked for; what a model of a service may use is known only later. */
const MEMORY_BYTES = 8 * 2 ** 30;

export interface RunOnceOptions {
  /** Interpreter of the model's own environment. */
  python: string;
  command: "describe" | "compile";
  modelDir: string;
  /** Further arguments of the command. */
  more?: readonly string[];
  timeoutMs: number;
  log(text: string): void;
}

/**
 * Loads a model in its own environment, lets one command do its work with it, and ends: answers the command's JSON.
 * MODEL_* errors say why the model can't be loaded, or how the process ended.
 */
export async function runOnce(options: RunOnceOptions): Promise<unknown> {
  const { timeoutMs, ...started } = options;
  let said: { kind: number; payload: Buffer } | undefined;
  let end: (how: string) => void = () => {};
  const ended = new Promise<string>((resolve) => (end = resolve));
  const child = await PythonProcess.start({
    ...started,
    threads: 1,
    onFrame: (kind, payload) => (said = { kind, payload: Buffer.from(payload as unknown as Uint8Array) }),
    onEnd: (how) => end(how),
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill();
  }, timeoutMs);
  let isOver = false;
  const memory = watchMemory(
    MEMORY_BYTES,
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
  if (said?.kind === PYTHON_FRAME.ready) return JSON.parse(said.payload.toString("utf8")) as unknown;
  if (isOver)
    throw new SlipwayError("MODEL_OUT_OF_MEMORY", `loading the model took more than ${MEMORY_BYTES} bytes`);
  if (isLate)
    throw new SlipwayError("MODEL_START_TIMEOUT", `the model wasn't loaded within ${timeoutMs / 1000} s`, {
      details: { lastLines: lines.slice(-12) },
    });
  throw said === undefined ? processDied(how, lines) : loadFailure(said.payload.toString("utf8"), lines);
}
