// The smallest model worth the name, each with weights of its own: FP32 [n, 4] -> FP32 [n, 4], scaled by column.
import proto from "onnx-proto";

const { onnx } = proto;
const FP32 = 1;
const port = (name) => ({
  name,
  type: { tensorType: { elemType: FP32, shape: { dim: [{ dimParam: "n" }, { dimValue: 4 }] } } },
});

/** Whole numbers, so that the answer is exact. */
const weights = (seed) => Array.from({ length: 4 }, (_, i) => 1 + ((seed * 7 + i * 3) % 50));

/** An ONNX file. */
export function tinyModel(seed) {
  const graph = {
    name: "scaled",
    input: [port("x")],
    output: [port("y")],
    initializer: [{ name: "w", dims: [4], dataType: FP32, floatData: weights(seed) }],
    node: [{ opType: "Mul", input: ["x", "w"], output: ["y"] }],
  };
  const model = { irVersion: 7, producerName: "bench", opsetImport: [{ domain: "", version: 13 }], graph };
  return onnx.ModelProto.encode(onnx.ModelProto.create(model)).finish();
}

/** A request to it. */
export const tinyRequest = { inputs: [{ name: "x", shape: [1, 4], datatype: "FP32", data: [1, 2, 3, 4] }] };

/** Its example with the answer that it must give, as contract.json. */
export function tinyContract(seed) {
  const data = weights(seed).map((weight, i) => weight * (i + 1));
  return { request: tinyRequest, response: { outputs: [{ ...tinyRequest.inputs[0], name: "y", data }] } };
}
