import { shown } from "./bad-input.ts";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "./float16.ts";

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
  /** Bytes of an element as a raw tensor; 0: each has a length of its own. */
  size: number;
  /** Room for `length` elements. */
  make(length: number): TensorData;
  /** Writes JSON values from `at` on; answers the index of the first that isn't of this type, or -1. */
  read(values: readonly unknown[], into: TensorData, at: number): number;
  /** What is wrong with a value that `read` refused. */
  complaint(value: unknown): string;
  /** Elements from `start` to before `end` as items of a JSON array, joined by commas. */
  toJson(data: TensorData, start: number, end: number): string;
  /** One element as a number, string or, beyond 2^53, its digits. */
  plain(data: TensorData, index: number): number | string;
}

/** The part of a typed array's interface that all of them share, for loops that are compiled once per datatype. */
type Numbers = Int32Array;

function readNumbers(
  values: readonly unknown[],
  into: Numbers,
  at: number,
  min: number,
  max: number,
): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) return i;
    into[at + i] = value;
  }
  return -1;
}

function int(
  name: string,
  size: number,
  [min, max]: readonly [number, number],
  make: (length: number) => TensorData,
): Datatype {
  return {
    name,
    onnx: name.toLowerCase(),
    family: "int",
    size,
    make,
    read: (values, into, at) => readNumbers(values, into as Numbers, at, min, max),
    complaint: (value) => `${shown(value)} isn't ${name}: an integer from ${min} to ${max} is needed`,
    toJson: (data, start, end) => (data as Numbers).subarray(start, end).join(","),
    plain: (data, index) => (data as Numbers)[index] ?? 0,
  };
}

/**
 * 64-bit integers. JSON numbers beyond 2^53 have lost digits before they are seen here, so they are refused;
 * answers carry all digits, which Python and Java read exactly.
 */
function bigInt(name: string, min: number, make: (length: number) => TensorData): Datatype {
  return {
    name,
    onnx: name.toLowerCase(),
    family: "int",
    size: 8,
    make,
    read(values, into, at) {
      const numbers = into as BigInt64Array;
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) return i;
        numbers[at + i] = BigInt(value);
      }
      return -1;
    },
    complaint(value) {
      if (typeof value !== "number" || !Number.isInteger(value))
        return `${shown(value)} isn't ${name}: an integer is needed`;
      if (value < min) return `${shown(value)} isn't ${name}: it is negative`;
      return `${shown(value)} is beyond 2^53, where JSON numbers lose digits`;
    },
    toJson: (data, start, end) => (data as BigInt64Array).subarray(start, end).join(","),
    plain(data, index) {
      const value = (data as BigInt64Array)[index] ?? 0n;
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    },
  };
}

/** JSON has no NaN or infinity. They are strings, as in protobuf's JSON mapping: numpy reads them back. */
const NOT_FINITE = new Map<unknown, number>([
  ["NaN", Number.NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

function floatText(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function floatComplaint(name: string, max: number, value: unknown): string {
  if (value === null) return `null isn't ${name}: a missing value is written "NaN"`;
  if (typeof value !== "number") return `${shown(value)} isn't ${name}: a number is needed`;
  return `${shown(value)} isn't ${name}: the largest is ${max}`;
}

function float(
  name: string,
  onnx: string,
  [size, max]: readonly [number, number],
  make: (length: number) => TensorData,
): Datatype {
  return {
    name,
    onnx,
    family: "float",
    size,
    make,
    read(values, into, at) {
      const numbers = into as Float32Array;
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        if (typeof value === "number" && value <= max && value >= -max) numbers[at + i] = value;
        else {
          const special = NOT_FINITE.get(value);
          if (special === undefined) return i;
          numbers[at + i] = special;
        }
      }
      return -1;
    },
    complaint: (value) => floatComplaint(name, max, value),
    toJson(data, start, end) {
      const values = data as Float32Array;
      let text = "";
      for (let i = start; i < end; i++) {
        const value = values[i] ?? 0;
        text += (i === start ? "" : ",") + (Number.isFinite(value) ? value : floatText(value));
      }
      return text;
    },
    plain: (data, index) => (data as Float32Array)[index] ?? 0,
  };
}

const FLOAT32_MAX = 3.4028234663852886e38;
const FLOAT16_MAX = 65_504;
/** The largest finite number: 8 bits of exponent, 7 of mantissa. */
const BFLOAT16_MAX = 3.3895313892515355e38;

/** A float of 16 bits, kept as its bits. */
function half(
  name: string,
  onnx: string,
  max: number,
  [toBits, fromBits]: readonly [(value: number) => number, (bits: number) => number],
): Datatype {
  const base = float(name, onnx, [2, max], (length) => new Uint16Array(length));
  return {
    ...base,
    read(values, into, at) {
      const numbers = new Float64Array(values.length);
      const bad = base.read(values, numbers, 0);
      const bits = into as Uint16Array;
      for (let i = 0; i < numbers.length; i++) bits[at + i] = toBits(numbers[i] ?? 0);
      return bad;
    },
    toJson: (data, start, end) =>
      Array.from((data as Uint16Array).subarray(start, end), (bits) => floatText(fromBits(bits))).join(","),
    plain: (data, index) => fromBits((data as Uint16Array)[index] ?? 0),
  };
}

const BOOL: Datatype = {
  name: "BOOL",
  onnx: "bool",
  family: "bool",
  size: 1,
  make: (length) => new Uint8Array(length),
  read(values, into, at) {
    const bits = into as Uint8Array;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== "boolean") return i;
      bits[at + i] = value ? 1 : 0;
    }
    return -1;
  },
  complaint: (value) => `${shown(value)} isn't BOOL: true or false is needed`,
  toJson: (data, start, end) =>
    Array.from((data as Uint8Array).subarray(start, end), (value) => value !== 0).join(","),
  plain: (data, index) => (data as Uint8Array)[index] ?? 0,
};

const BYTES: Datatype = {
  name: "BYTES",
  onnx: "string",
  family: "bytes",
  size: 0,
  make: (length) => Array.from<string>({ length }).fill(""),
  read(values, into, at) {
    const texts = into as string[];
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== "string") return i;
      texts[at + i] = value;
    }
    return -1;
  },
  complaint: (value) => `${shown(value)} isn't BYTES: a string is needed`,
  toJson: (data, start, end) =>
    (data as string[])
      .slice(start, end)
      .map((text) => JSON.stringify(text))
      .join(","),
  plain: (data, index) => (data as string[])[index] ?? "",
};

const ALL: readonly Datatype[] = [
  BOOL,
  int("INT8", 1, [-128, 127], (length) => new Int8Array(length)),
  int("INT16", 2, [-32_768, 32_767], (length) => new Int16Array(length)),
  int("INT32", 4, [-2_147_483_648, 2_147_483_647], (length) => new Int32Array(length)),
  bigInt("INT64", -Infinity, (length) => new BigInt64Array(length)),
  int("UINT8", 1, [0, 255], (length) => new Uint8Array(length)),
  int("UINT16", 2, [0, 65_535], (length) => new Uint16Array(length)),
  int("UINT32", 4, [0, 4_294_967_295], (length) => new Uint32Array(length)),
  bigInt("UINT64", 0, (length) => new BigUint64Array(length)),
  half("FP16", "float16", FLOAT16_MAX, [toFloat16, fromFloat16]),
  half("BF16", "bfloat16", BFLOAT16_MAX, [toBfloat16, fromBfloat16]),
  float("FP32", "float32", [4, FLOAT32_MAX], (length) => new Float32Array(length)),
  float("FP64", "float64", [8, Number.MAX_VALUE], (length) => new Float64Array(length)),
  BYTES,
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

/** Every datatype's name, for messages. */
export const DATATYPE_NAMES: readonly string[] = ALL.map(({ name }) => name);
