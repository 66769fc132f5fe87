import { BadInput, shown } from "./bad-input.ts";
import { fromFloat16, toFloat16 } from "./float16.ts";

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

/** One of Open Inference's datatypes and what ONNX Runtime calls it. */
export interface Datatype {
  name: string;
  onnx: string;
  family: "bool" | "int" | "float" | "bytes";
  /** Room for `length` elements. */
  make(length: number): TensorData;
  /** Writes one value from JSON; throws BadInput when it isn't of this type. */
  write(data: TensorData, index: number, value: unknown): void;
  /** Elements from `start` as JSON array items, joined by commas. */
  toJson(data: TensorData, start: number, end: number): string;
}

function refuse(value: unknown, name: string, why = ""): never {
  throw new BadInput(`${shown(value)} isn't ${name}${why}`);
}

function int(
  name: string,
  onnx: string,
  min: number,
  max: number,
  make: (n: number) => TensorData,
): Datatype {
  const why = `: an integer from ${min} to ${max} is needed`;
  return {
    name,
    onnx,
    family: "int",
    make,
    write(data, index, value) {
      if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
        refuse(value, name, why);
      (data as Int32Array)[index] = value;
    },
    toJson: (data, start, end) => (data as Int32Array).subarray(start, end).join(","),
  };
}

function bigInt(name: string, onnx: string, signed: boolean, make: (n: number) => TensorData): Datatype {
  return {
    name,
    onnx,
    family: "int",
    make,
    write(data, index, value) {
      if (typeof value !== "number" || !Number.isInteger(value))
        refuse(value, name, ": an integer is needed");
      // JSON numbers beyond 2^53 have lost digits before we see them: refused rather than changed in silence.
      if (!Number.isSafeInteger(value)) refuse(value, name, " that JSON carries exactly (beyond 2^53)");
      if (!signed && value < 0) refuse(value, name, ": it is negative");
      (data as BigInt64Array)[index] = BigInt(value);
    },
    toJson: (data, start, end) => (data as BigInt64Array).subarray(start, end).join(","),
  };
}

/** JSON has no NaN or infinity; a model that answers one is shown as null. */
function floatText(value: number): string {
  return Number.isFinite(value) ? String(value) : "null";
}

function float(name: string, onnx: string, max: number, make: (n: number) => TensorData): Datatype {
  return {
    name,
    onnx,
    family: "float",
    make,
    write(data, index, value) {
      if (typeof value !== "number") refuse(value, name, ": a number is needed");
      if (!(value <= max && value >= -max)) refuse(value, name, ": it is beyond its range");
      (data as Float32Array)[index] = value;
    },
    toJson(data, start, end) {
      const values = data as Float32Array;
      let text = "";
      for (let i = start; i < end; i++) text += (i === start ? "" : ",") + floatText(values[i] ?? 0);
      return text;
    },
  };
}

const FLOAT32_MAX = 3.4028234663852886e38;
const FLOAT16_MAX = 65_504;
const float16 = float("FP16", "float16", FLOAT16_MAX, (n) => new Uint16Array(n));

const ALL: readonly Datatype[] = [
  {
    name: "BOOL",
    onnx: "bool",
    family: "bool",
    make: (n) => new Uint8Array(n),
    write(data, index, value) {
      if (typeof value !== "boolean") refuse(value, "BOOL", ": true or false is needed");
      (data as Uint8Array)[index] = value ? 1 : 0;
    },
    toJson: (data, start, end) =>
      Array.from((data as Uint8Array).subarray(start, end), (value) => value !== 0).join(","),
  },
  int("INT8", "int8", -128, 127, (n) => new Int8Array(n)),
  int("INT16", "int16", -32_768, 32_767, (n) => new Int16Array(n)),
  int("INT32", "int32", -2_147_483_648, 2_147_483_647, (n) => new Int32Array(n)),
  bigInt("INT64", "int64", true, (n) => new BigInt64Array(n)),
  int("UINT8", "uint8", 0, 255, (n) => new Uint8Array(n)),
  int("UINT16", "uint16", 0, 65_535, (n) => new Uint16Array(n)),
  int("UINT32", "uint32", 0, 4_294_967_295, (n) => new Uint32Array(n)),
  bigInt("UINT64", "uint64", false, (n) => new BigUint64Array(n)),
  float("FP32", "float32", FLOAT32_MAX, (n) => new Float32Array(n)),
  float("FP64", "float64", Number.MAX_VALUE, (n) => new Float64Array(n)),
  {
    ...float16,
    write(data, index, value) {
      const checked = [0] as unknown as Float32Array;
      float16.write(checked, 0, value);
      (data as Uint16Array)[index] = toFloat16(checked[0] ?? 0);
    },
    toJson: (data, start, end) =>
      Array.from((data as Uint16Array).subarray(start, end), (half) => floatText(fromFloat16(half))).join(
        ",",
      ),
  },
  {
    name: "BYTES",
    onnx: "string",
    family: "bytes",
    make: (n) => Array.from<string>({ length: n }).fill(""),
    write(data, index, value) {
      if (typeof value !== "string") refuse(value, "BYTES", ": a string is needed");
      (data as string[])[index] = value;
    },
    toJson: (data, start, end) =>
      (data as string[])
        .slice(start, end)
        .map((text) => JSON.stringify(text))
        .join(","),
  },
];

const BY_ONNX = new Map(ALL.map((datatype) => [datatype.onnx, datatype]));
const BY_NAME = new Map(ALL.map((datatype) => [datatype.name, datatype]));

/** By ONNX Runtime's name; undefined for types that Open Inference doesn't know. */
export function datatypeOfOnnx(onnx: string): Datatype | undefined {
  return BY_ONNX.get(onnx);
}

/** By Open Inference's name. */
export function datatypeNamed(name: string): Datatype | undefined {
  return BY_NAME.get(name);
}
