import type { ModelFormat } from "./backend.ts";

/** One input or output of a model as Open Inference V2 names it; -1 is a dimension that the request chooses. */
export interface TensorSpec {
  name: string;
  datatype: string;
  shape: number[];
}

/** What a worker answers to a metadata frame: who it is, and what its model takes and gives. */
export interface WorkerMetadata {
  id: string;
  service: string;
  version: number;
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

/** What runs a model, as Open Inference's metadata names it. */
export function platformOf(format: ModelFormat): "onnxruntime_onnx" | "mlflow_pyfunc" {
  return format === "python" ? "mlflow_pyfunc" : "onnxruntime_onnx";
}

/** Name of a worker's socket in the folder of sockets. */
export function workerSocketName(id: string): string {
  return `w-${id}.sock`;
}
