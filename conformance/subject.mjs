// The model that the checks call, and requests that it must accept, made from its own metadata.
import { Failed } from "./outcome.mjs";
import { elements, sample } from "./tensors.mjs";

/** @param example an Open Inference request for models whose metadata doesn't name their inputs */
export async function createSubject(client, name, example) {
  const metadata = await client.modelMetadata(name);
  const inputs = example?.inputs ?? (metadata.inputs ?? []).map((port) => inputFor(port, 1));
  if (inputs.length === 0)
    throw new Failed(`the metadata of ${name} names no inputs: give a request by --request`);
  return {
    name,
    metadata,
    /** A valid request; `more` is laid over it. */
    request: (more = {}) => ({ inputs: structuredClone(inputs), ...more }),
    /** A valid request whose first input is laid over by `more`. */
    withInput(more) {
      const [first, ...rest] = structuredClone(inputs);
      return { inputs: [{ ...first, ...more }, ...rest] };
    },
    /** The first input of the request. */
    get first() {
      return structuredClone(inputs[0]);
    },
  };
}

/** An input of the port's shape with `rows` rows; other open dimensions are 1. */
export function inputFor({ name, datatype, shape }, rows) {
  const sizes = (shape.length === 0 ? [rows] : shape).map((size, axis) => {
    const isOpen = Number(size) < 1;
    return isOpen ? (axis === 0 ? rows : 1) : Number(size);
  });
  const data = Array.from({ length: elements(sizes) }, (_, index) => sample(datatype, index));
  return { name, datatype, shape: sizes, data };
}
