/** Immutable copies of models, by content: what a worker loads can't change under it. */
export interface ModelStore {
  /**
   * Copies the folder below the artifact root into the store. MODEL_* errors say what is missing.
   * Idempotent; safe to kill: a copy appears whole.
   */
  materialise(artifactPath: string): Promise<{ modelDir: string; sha256: string; format: "onnx" }>;
  /** Where the copy of that content lies now; undefined when there is none. Keep the hash, not the folder. */
  find(sha256: string): Promise<string | undefined>;
}

/** `contract.json` in a model's folder: an example with the answer that was recorded at training. */
export interface Contract {
  /** Body of an Open Inference V2 request. */
  request: { inputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] };
  /** The outputs it must answer with. */
  response: { outputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] };
  /** |answer - recorded| <= absolute + relative * |recorded|; default 1e-4 and 1e-3. Integers and strings must be equal. */
  tolerance?: { absolute?: number; relative?: number };
}
