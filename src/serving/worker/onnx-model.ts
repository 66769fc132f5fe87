import { join } from "node:path";
import type { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { SlipwayError } from "../../http/errors.ts";
import { datatypeOfOnnx } from "../protocol/datatypes.ts";
import type { Tensor, TensorPort } from "../protocol/tensor.ts";

/** A model loaded into this process. */
export interface Model {
  inputs: TensorPort[];
  outputs: TensorPort[];
  /** True when the first dimension of every input and output is chosen by the request: rows of several may be joined. */
  joinsRows: boolean;
  /** Rejects with the runtime's message when the model can't answer. */
  run(inputs: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
}

/** Loads `model.onnx` of a folder into ONNX Runtime; MODEL_LOAD_FAILED or MODEL_OUTPUT_UNSUPPORTED says why not. */
export async function loadOnnxModel(modelDir: string, threads: number): Promise<Model> {
  const runtime = await import("onnxruntime-node");
  const { InferenceSession, Tensor } = runtime.default ?? runtime;
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(join(modelDir, "model.onnx"), {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new SlipwayError("MODEL_LOAD_FAILED", `ONNX Runtime can't load the model: ${firstLine(cause)}`, {
      cause,
    });
  }
  const inputs = session.inputMetadata.map((meta) => portOf("input", meta));
  const outputs = session.outputMetadata.map((meta) => portOf("output", meta));
  return {
    inputs,
    outputs,
    joinsRows: [...inputs, ...outputs].every((port) => port.shape?.[0] === -1),
    async run(feeds) {
      const given: Record<string, OnnxTensor> = {};
      for (const [name, tensor] of feeds)
        given[name] = new Tensor(
          tensor.datatype.onnx as "float32",
          tensor.data as Float32Array,
          tensor.shape,
        );
      const answered = await session.run(given);
      return new Map(outputs.map((port) => [port.name, tensorOf(port, answered[port.name])]));
    },
  };
}

function tensorOf(port: TensorPort, value: OnnxTensor | undefined): Tensor {
  if (value === undefined) throw new Error(`the model gave no output ${port.name}`);
  return { datatype: port.datatype, shape: [...value.dims], data: value.data as Float32Array };
}

function portOf(side: string, meta: InferenceSession.ValueMetadata): TensorPort {
  const where = `${side} ${JSON.stringify(meta.name)}`;
  if (!meta.isTensor) {
    throw new SlipwayError(
      "MODEL_OUTPUT_UNSUPPORTED",
      `${where} of the model is a sequence or a map, not a tensor`,
      {
        where,
        allowed: "tensors",
      },
    );
  }
  const datatype = datatypeOfOnnx(meta.type);
  if (datatype === undefined) {
    throw new SlipwayError("MODEL_OUTPUT_UNSUPPORTED", `${where} of the model has type ${meta.type}`, {
      where,
      given: meta.type,
      hint: "Cast it to a type of Open Inference V2: BOOL, (U)INT8 to (U)INT64, FP16, FP32, FP64 or BYTES.",
    });
  }
  // The runtime tells a scalar and an unknown rank apart by nothing: both are an empty shape.
  const shape = meta.shape.map((size) => (typeof size === "number" ? size : -1));
  return { name: meta.name, datatype, shape: shape.length === 0 ? undefined : shape };
}

/** The runtime's messages run over many lines of addresses; the first says what is wrong. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").slice(0, 500);
}
