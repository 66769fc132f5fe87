import type { ExampleTensor } from "./example.ts";
import type { Callee, HttpCall } from "./snippet.ts";

const PRINTS = {
  v2: 'for output in response.json()["outputs"]:\n    print(output["name"], output["data"])',
  v1: 'print(response.json()["predictions"])',
  invocations: 'print(response.json()["predictions"])',
} as const;

/** With `requests`. */
export function httpPython({ url, body, protocol, needsToken }: HttpCall): string {
  const token = needsToken ? `\n    headers={"Authorization": "Bearer " + os.environ["SLIPWAY_TOKEN"]},` : "";
  return `${needsToken ? "import os\n\n" : ""}import requests

response = requests.post(
    ${literal(url)},
    json=${literal(body)},${token}
    timeout=10,
)
response.raise_for_status()
${PRINTS[protocol]}
`;
}

const NUMPY: Record<string, string> = {
  BOOL: "np.bool_",
  FP16: "np.float16",
  FP32: "np.float32",
  FP64: "np.float64",
  BYTES: "np.object_",
};

/** With `tritonclient[grpc]`. */
export function grpcPython({ grpcUrl, model, inputs, needsToken }: Callee): string {
  const token = needsToken ? `, headers={"authorization": "Bearer " + os.environ["SLIPWAY_TOKEN"]}` : "";
  return `${needsToken ? "import os\n\n" : ""}import numpy as np
import tritonclient.grpc as grpc

client = grpc.InferenceServerClient(${literal(grpcUrl)})
inputs = []
${inputs.map(setInput).join("")}answer = client.infer(${literal(model)}, inputs${token})
for output in answer.get_response().outputs:
    print(output.name, answer.as_numpy(output.name).tolist())
`;
}

function setInput({ name, shape, datatype, data }: ExampleTensor): string {
  // UINT8, INT64 and the like have NumPy's own names.
  const dtype = NUMPY[datatype] ?? `np.${datatype.toLowerCase()}`;
  const values = datatype === "BYTES" ? data.map((value) => `${literal(value)}.encode()`) : data.map(number);
  return `inputs.append(grpc.InferInput(${literal(name)}, ${literal(shape)}, ${literal(datatype)}))
inputs[-1].set_data_from_numpy(np.array([${values.join(", ")}], dtype=${dtype}).reshape(${literal(shape)}))
`;
}

/** JSON has no infinities: examples write them as strings. */
function number(value: unknown): string {
  return typeof value === "string" ? `float(${literal(value)})` : literal(value);
}

/** A JSON value in Python. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([key, own]) => `${literal(key)}: ${literal(own)}`)
      .join(", ")}}`;
  // JSON's strings and numbers are Python's too; a lone surrogate stays an escape.
  return JSON.stringify(value);
}
