// The floor of `bench:serving`: bare node:http with ONNX Runtime in one process, no checks, no counting.
// Arguments: model.onnx [port]. Prints its port.
import { createServer } from "node:http";
import { InferenceSession, Tensor } from "onnxruntime-node";

const session = await InferenceSession.create(process.argv[2], {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const server = createServer((request, response) => {
  if (request.method === "GET") return void response.end("{}");
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const { inputs } = JSON.parse(Buffer.concat(chunks).toString());
    const feeds = {};
    for (const { name, shape, data } of inputs)
      feeds[name] = new Tensor("float32", Float32Array.from(data.flat()), shape);
    const results = await session.run(feeds);
    const outputs = Object.entries(results).map(([name, tensor]) => ({
      name,
      shape: tensor.dims,
      datatype: tensor.type === "int64" ? "INT64" : "FP32",
      data: Array.from(tensor.data, Number),
    }));
    const body = JSON.stringify({ model_name: "floor", outputs });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(Number(process.argv[3] ?? 0), "127.0.0.1", () => console.log(server.address().port));
