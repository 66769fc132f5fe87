import type { InvocationForm } from "../protocol/invocations.ts";
import type { ModelPorts, Tensor } from "../protocol/tensor.ts";

/** What a model's own framework read and answered; the bytes of a whole HTTP body. */
export interface InvocationAnswer {
  /** Of HTTP. */
  status: number;
  contentType: string;
  body: Buffer;
}

/** A model that this worker serves, whatever runs it. */
export interface Model extends ModelPorts {
  /**
   * One inference: inputs and outputs are in the model's order. Rejects with the runtime's error; with ModelLost
   * when what ran the model died, so that the request may be tried elsewhere.
   */
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  /** How MLflow's `/invocations` maps to inputs and outputs, for a model without `invoke`. */
  readonly invocation?: InvocationForm;
  /** A body of MLflow's `/invocations`, which only the model's own framework can read; undefined: not supported. */
  invoke?(contentType: string, body: Buffer): Promise<InvocationAnswer>;
  /** Resident bytes that it uses outside of this process. */
  resident?(): number;
  release(): Promise<void>;
}

/** The process that ran the model is gone, and the request with it: it says nothing about the request. */
export class ModelLost extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ModelLost";
  }
}
