import { nested } from "./example.ts";
import type { ExampleTensor } from "./example.ts";

export const PROTOCOLS = ["v2", "v1", "invocations", "grpc"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A prediction's HTTP request. */
export interface HttpRequest {
  path: string;
  body: Record<string, unknown>;
}

/** The example as a request of a protocol over HTTP. */
export function httpRequest(
  protocol: Exclude<Protocol, "grpc">,
  model: string,
  inputs: readonly ExampleTensor[],
): HttpRequest {
  const name = encodeURIComponent(model);
  switch (protocol) {
    case "v2":
      return { path: `/v2/models/${name}/infer`, body: { inputs } };
    case "v1":
      return { path: `/v1/models/${name}:predict`, body: { instances: instances(inputs) } };
    case "invocations":
      return { path: `/endpoints/${name}/invocations`, body: invocation(inputs) };
  }
}

/** Rows: of the one input, or objects that name each input's. */
function instances(inputs: readonly ExampleTensor[]): unknown[] {
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined) return nested(only) as unknown[];
  const columns = inputs.map((input) => [input.name, nested(input) as unknown[]] as const);
  const rows = Math.min(...columns.map(([, column]) => column.length));
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(columns.map(([name, column]) => [name, column[row]])),
  );
}

/** A table where every input is a column of it, else tensors by name. */
function invocation(inputs: readonly ExampleTensor[]): Record<string, unknown> {
  const rows = inputs[0]?.shape[0] ?? 0;
  const isColumn = ({ shape }: ExampleTensor) =>
    shape[0] === rows && (shape.length === 1 || (shape.length === 2 && shape[1] === 1));
  if (!inputs.every(isColumn))
    return { inputs: Object.fromEntries(inputs.map((input) => [input.name, nested(input)])) };
  const data = Array.from({ length: rows }, (_, row) => inputs.map((input) => input.data[row]));
  return { dataframe_split: { columns: inputs.map(({ name }) => name), data } };
}
