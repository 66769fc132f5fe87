import { runOnce } from "./run-once.ts";

/** Importing a large framework for the first time compiles it. */
const DESCRIBE_MS = 5 * 60_000;

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
  return (await runOnce({ ...options, command: "describe", timeoutMs: DESCRIBE_MS })) as Description;
}
