import type { CompileVerdict } from "./compile/compilation.ts";
import type { VariantSpec } from "./backend.ts";

/** A model's files on this machine, and what it takes to run them. */
export interface ModelCopy extends Pick<VariantSpec, "format" | "modelDir" | "python"> {
  /** Of a model in Python: whether it runs as what it was compiled to; absent where that isn't wanted. */
  compiled?: CompileVerdict;
}

/** "auto": what a model in Python was compiled to runs instead, where it is proven to answer alike. */
export type Compile = "auto" | "never";

/** Immutable copies of models, by content: what a worker loads can't change under it. */
export interface ModelStore {
  /**
   * Copies the folder below the artifact root into the store, and prepares the environment that it runs in. MODEL_*
   * and ENVIRONMENT_* errors say what is missing. Idempotent; safe to kill: a copy appears whole.
   */
  materialise(artifactPath: string, compile?: Compile): Promise<ModelCopy & { sha256: string }>;
  /**
   * The copy of that content as it can be loaded now; undefined when there is none. Keep the hash, not the folder. Never compiles:
   * what passed a contract check is what is loaded after it.
   */
  find(sha256: string, compile?: Compile): Promise<ModelCopy | undefined>;
}

/** `contract.json` in a model's folder: an example with the answer that was recorded at training. */
export interface Contract {
  /** Body of an Open Inference V2 request. */
  request: { inputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] };
  /** The outputs it must answer with. */
  response: { outputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] };
  /** |answer - recorded| <= absolute + relative * |recorded|; default 1e-4 and 1e-3. Integers and strings must be equal. */
  tolerance?: { absolute?: number; relative?: number };
  /**
   * "registration": nothing was recorded at training; the request is the model's input example, and the answer what
   * the model gave in its own environment when it was first looked at.
   */
  recordedAt?: "registration";
}
