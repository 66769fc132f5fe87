import { join } from "node:path";
import type * as OnnxRuntime from "onnxruntime-node";
import type { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { bytesOf } from "../../base/bytes.ts";
import { SlipwayError } from "../../http/errors.ts";
import { BadInput } from "../protocol/bad-input.ts";
import { DATATYPE_NAMES, datatypeOfOnnx } from "../protocol/datatypes.ts";
import type { TensorData } from "../protocol/datatypes.ts";
import { inputName } from "../protocol/tensor.ts";
import type { Tensor, TensorPort } from "../protocol/tensor.ts";
import { loadError } from "./load-error.ts";
import type { Model } from "./model.ts";

type Runtime = Pick<typeof OnnxRuntime, "InferenceSession" | "Tensor">;

/** Loads ONNX Runtime itself. Nobody else does. */
async function loadRuntime(): Promise<Runtime> {
  const imported = await import("onnxruntime-node");
  // CommonJS: bundlers and Node put its exports below `default`, the types don't.
  return imported.default ?? imported;
}

/** Loads model.onnx into this process; an inference blocks its thread. */
export async function loadOnnxModel(modelDir: string, threads: number): Promise<Model> {
  const runtime = await loadRuntime();
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    // Failed inferences are answered; the runtime needn't print each of them as well.
    logSeverityLevel: 4,
  };
  try {
    const session = await runtime.InferenceSession.create(join(modelDir, "model.onnx"), options);
    return modelOf(runtime, session);
  } catch (cause) {
    throw cause instanceof SlipwayError ? cause : loadError(cause, modelDir);
  }
}

/** FP32 [n] -> FP32 [n], the same again: the smallest ONNX file there is. */
const SAME_AGAIN =
  "CAc6OQoQCgF4EgF5IghJZGVudGl0eRIBZ1oQCgF4EgsKCQgBEgUKAxIBbmIQCgF5EgsKCQgBEgUKAxIBbkIECgAQDQ==";

/**
 * Loads the runtime and runs a model of no use, so that the first real one takes no longer than the second: what is done
 * once in a process takes ten times as long as loading a small model.
 */
export async function warmRuntime(): Promise<Model> {
  const runtime = await loadRuntime();
  const session = await runtime.InferenceSession.create(bytesOf(Buffer.from(SAME_AGAIN, "base64")));
  return modelOf(runtime, session);
}

function modelOf({ Tensor }: Runtime, session: InferenceSession): Model {
  const inputs = session.inputMetadata.map((meta) => portOf("input", meta));
  const outputs = session.outputMetadata.map((meta) => portOf("output", meta));
  return {
    inputs,
    outputs,
    async run(given) {
      const feeds: Record<string, OnnxTensor> = {};
      for (let i = 0; i < inputs.length; i++) {
        const { datatype, data, shape } = given[i] as Tensor;
        if (datatype.family === "bytes") refuseNul(inputs[i] as TensorPort, data as string[]);
        feeds[(inputs[i] as TensorPort).name] = new Tensor(
          datatype.onnx as "float32",
          data as Float32Array,
          shape,
        );
      }
      const answered = await session.run(feeds);
      return outputs.map((port) => tensorOf(port, answered[port.name]));
    },
    release: () => session.release(),
  };
}

/** The runtime takes texts as C has them, so one with a NUL would be cut there without a word. */
function refuseNul(port: TensorPort, texts: readonly string[]): void {
  const index = texts.findIndex((text) => text.includes("\0"));
  if (index >= 0)
    throw new BadInput(
      `${inputName(port)}: value ${index} has a NUL character, which ONNX Runtime can't take`,
    );
}

function tensorOf({ name, datatype }: TensorPort, value: OnnxTensor | undefined): Tensor {
  if (value === undefined) throw new Error(`the model gave no output ${name}`);
  let data = value.data as TensorData;
  // Runtimes with a Float16Array get one; its bits are what the rest of this program reads.
  if (datatype.name === "FP16" && !(data instanceof Uint16Array)) {
    const view = data as Float32Array;
    data = new Uint16Array(view.buffer, view.byteOffset, view.length);
  }
  return { datatype, shape: value.dims, data, start: 0 };
}

function portOf(side: "input" | "output", meta: InferenceSession.ValueMetadata): TensorPort {
  const where = `${side} ${JSON.stringify(meta.name)}`;
  if (!meta.isTensor) {
    throw new SlipwayError(
      "MODEL_UNSUPPORTED_TYPE",
      `${where} of the model is a sequence or map, not a tensor`,
      {
        where,
        allowed: "tensors",
      },
    );
  }
  const datatype = datatypeOfOnnx(meta.type);
  if (datatype === undefined) {
    throw new SlipwayError("MODEL_UNSUPPORTED_TYPE", `${where} of the model has type ${meta.type}`, {
      where,
      given: meta.type,
      allowed: DATATYPE_NAMES.join(", "),
      hint: "Let the model cast it to a type that Open Inference V2 knows.",
    });
  }
  // The runtime doesn't tell a scalar from an unknown rank: both are an empty shape.
  const shape = meta.shape.map((size) => (typeof size === "number" ? size : -1));
  return { name: meta.name, datatype, shape: shape.length === 0 ? undefined : shape };
}
