import { readCompiledFacts } from "../compile/compilation.ts";
import type { CompiledFacts, Refusal } from "../compile/compilation.ts";
import { elements } from "../protocol/tensor.ts";
import type { Tensor } from "../protocol/tensor.ts";
import type { Model } from "./model.ts";

const LARGEST_FLOAT32 = 3.4028234663852886e38;

const HOLDS: Readonly<Record<Refusal["kind"], (value: number) => boolean>> = {
  nan: (value) => value !== value,
  infinite: (value) => value === Infinity || value === -Infinity,
  large: (value) => Math.abs(value) > LARGEST_FLOAT32 && Number.isFinite(value),
};

/**
 * An ONNX model that was compiled from one in Python takes and refuses what that does: columns also as [n, 1], and none
 * of the values that its framework raises an error for. Any other model stays as it is.
 */
export async function asCompiled(model: Model, modelDir: string): Promise<Model> {
  const facts = await readCompiledFacts(modelDir);
  return facts === undefined ? model : withFacts(model, facts);
}

/** For a model whose facts are known. */
export function withFacts(model: Model, { columns, refuses }: CompiledFacts): Model {
  const named = new Set(columns);
  const inputs = model.inputs.map((port) => (named.has(port.name) ? { ...port, isColumn: true } : port));
  const isTable = named.size > 0;
  return {
    ...model,
    inputs,
    run(given) {
      for (const refusal of refuses)
        for (const feature of refusal.features) refuse(given, refusal, feature, isTable);
      return model.run(isTable ? given.map(asColumn) : given);
    },
  };
}

/** Throws in the words of the original. */
function refuse(
  given: readonly Tensor[],
  { kind, message }: Refusal,
  feature: number,
  isTable: boolean,
): void {
  const tensor = given[isTable ? feature : 0];
  if (tensor === undefined) return;
  const step = isTable ? 1 : (tensor.shape[1] ?? 1);
  const end = tensor.start + elements(tensor.shape);
  const data = tensor.data as Float64Array;
  const holds = HOLDS[kind];
  for (let at = tensor.start + (isTable ? 0 : feature); at < end; at += step)
    if (holds(data[at] as number)) throw new Error(message);
}

function asColumn(tensor: Tensor): Tensor {
  return tensor.shape.length === 2 ? { ...tensor, shape: [tensor.shape[0] as number] } : tensor;
}
