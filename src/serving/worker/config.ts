import type { ErrorBody } from "../../http/errors.ts";
import type { TensorPort } from "../protocol/tensor.ts";
import type { TensorSpec, WorkerMetadata as Identity } from "../worker-arguments.ts";

/** What a worker is told at its start. */
export interface WorkerConfig {
  id: string;
  /** Unix socket that it listens on; a file of that name that nobody serves any more is replaced. */
  socketPath: string;
  service: string;
  version: number;
  /** Folder with `model.onnx`, and `contract.json` where there is one. */
  modelDir: string;
  /** Of one request frame. */
  maxFrameBytes: number;
  /** Resident memory beyond which the worker ends itself; undefined: no limit of its own. */
  memoryBytes?: number;
  /** Threads that one inference may use; default 1. */
  threads?: number;
  /** Rows that waiting requests may be joined to; default 256. */
  maxBatchRows?: number;
}

/** Messages between a worker and whoever started it. */
export type ToWorker = { type: "start"; worker: WorkerConfig } | { type: "stop" };
export type FromWorker =
  | { type: "ready"; metadata: WorkerMetadata }
  /** It has ended or ends itself; exit code 1 follows. */
  | { type: "failed"; error: ErrorBody };

/** Open Inference V2's model metadata, and which worker says so. */
export interface WorkerMetadata extends Identity {
  name: string;
  versions: string[];
  platform: "onnxruntime_onnx";
}

/** Of a loaded model. */
export function workerMetadata(
  { id, service, version }: Pick<WorkerConfig, "id" | "service" | "version">,
  inputs: readonly TensorPort[],
  outputs: readonly TensorPort[],
): WorkerMetadata {
  return {
    name: service,
    versions: [String(version)],
    platform: "onnxruntime_onnx",
    inputs: inputs.map(specOf),
    outputs: outputs.map(specOf),
    id,
    service,
    version,
  };
}

function specOf({ name, datatype, shape }: TensorPort): TensorSpec {
  return { name, datatype: datatype.name, shape: [...(shape ?? [])] };
}
