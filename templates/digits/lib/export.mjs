// Turns a trained network into what is served: an ONNX graph that takes raw features, and a contract.
import { argMax, predict } from "./network.mjs";
import { FLOAT, Graph, INT64 } from "./onnx.mjs";

/**
 * The network as an ONNX file. Scaling is part of the graph, so callers send what they have: pen positions
 * from 0 to 100. Input `features` FP32 [n, inputs]; outputs `label` INT64 [n] and `probabilities` FP32 [n, classes].
 */
export function toOnnx(network) {
  const { mean, deviation } = network.scaling;
  const width = mean.length;
  const graph = new Graph();
  const features = graph.input("features", FLOAT, ["n", width]);
  const centred = graph.node("Sub", [features, graph.constant("mean", FLOAT, [width], mean)], "centred");
  const inverse = deviation.map((value) => 1 / value);
  let value = graph.node(
    "Mul",
    [centred, graph.constant("inverse_deviation", FLOAT, [width], inverse)],
    "scaled",
  );
  network.layers.forEach(({ inputs, outputs, weights, bias }, depth) => {
    const parts = [
      value,
      graph.constant(`weights_${depth}`, FLOAT, [outputs, inputs], weights),
      graph.constant(`bias_${depth}`, FLOAT, [outputs], bias),
    ];
    value = graph.node("Gemm", parts, `dense_${depth}`, { transB: 1 });
    if (depth < network.layers.length - 1) value = graph.node("Relu", [value], `relu_${depth}`);
  });
  const classes = network.layers.at(-1).outputs;
  graph.node("ArgMax", [value], "label", { axis: 1, keepdims: 0 });
  graph.node("Softmax", [value], "probabilities", { axis: 1 });
  graph.output("label", INT64, ["n"]);
  graph.output("probabilities", FLOAT, ["n", classes]);
  return graph.encode("digits");
}

/**
 * An example request in the Open Inference Protocol (V2) with the answer that this code, not the exported
 * graph, gives. Before a version gets any traffic, the worker that will serve it must give the same answer.
 */
export function contract(network, rows) {
  const probabilities = rows.map((row) => predict(network, row));
  return {
    request: {
      inputs: [
        { name: "features", shape: [rows.length, rows[0].length], datatype: "FP32", data: rows.flat() },
      ],
    },
    response: {
      outputs: [
        { name: "label", shape: [rows.length], datatype: "INT64", data: probabilities.map(argMax) },
        {
          name: "probabilities",
          shape: [rows.length, probabilities[0].length],
          datatype: "FP32",
          data: probabilities.flatMap((row) => [...row]),
        },
      ],
    },
    tolerance: { absolute: 1e-4, relative: 1e-3 },
  };
}
