/** A tensor of an Open Inference V2 request, its data flat. */
export interface ExampleTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown[];
}

/** An input as `GET /v2/models/{model}` tells of it; -1 in a shape is any size. */
export interface InputPort {
  name: string;
  datatype: string;
  shape: number[];
}

const MAX_ELEMENTS = 100_000;

/** One row of the recorded example; where none is kept, one row of zeros. */
export function oneRow(
  ports: readonly InputPort[],
  recorded: readonly ExampleTensor[] | null,
): ExampleTensor[] {
  const known = recorded?.filter(({ name }) => ports.some((port) => port.name === name)) ?? [];
  if (known.length !== ports.length) return ports.map(zeros);
  const rows = known[0]?.shape[0];
  const haveRows =
    ports.every(({ shape }) => shape[0] === -1) && known.every(({ shape }) => shape[0] === rows);
  return known.map(({ name, shape, datatype, data }) => {
    const flat = data.flat(Infinity);
    if (!haveRows || rows === undefined || rows <= 1) return { name, shape, datatype, data: flat };
    return { name, shape: [1, ...shape.slice(1)], datatype, data: flat.slice(0, flat.length / rows) };
  });
}

function zeros({ name, datatype, shape }: InputPort): ExampleTensor {
  const own = shape.map((size) => (size < 0 ? 1 : size));
  const count = Math.min(
    MAX_ELEMENTS,
    own.reduce((product, size) => product * size, 1),
  );
  const value = datatype === "BYTES" ? "" : datatype === "BOOL" ? false : 0;
  return { name, shape: own, datatype, data: Array.from({ length: count }, () => value) };
}

/** A tensor as nested arrays, as V1 and MLflow's scoring protocol take it. */
export function nested({ shape, data }: ExampleTensor): unknown {
  return nest(data, shape);
}

function nest(data: readonly unknown[], [size, ...rest]: readonly number[]): unknown {
  if (size === undefined) return data[0];
  if (rest.length === 0) return data;
  const step = data.length / Math.max(1, size);
  return Array.from({ length: size }, (_, i) => nest(data.slice(i * step, (i + 1) * step), rest));
}
