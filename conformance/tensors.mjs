// Values of Open Inference's datatypes, and their raw bytes as the binary extension has them.

const LIMITS = {
  INT8: [-128n, 127n],
  INT16: [-32768n, 32767n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT8: [0n, 255n],
  UINT16: [0n, 65535n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

export const DATATYPES = ["BOOL", ...Object.keys(LIMITS), "FP16", "BF16", "FP32", "FP64", "BYTES"];

/** A small value that JSON and every datatype of this kind can hold exactly. */
export function sample(datatype, index) {
  if (datatype === "BOOL") return index % 2 === 1;
  if (datatype === "BYTES") return ["a", "b"][index % 2];
  return datatype.startsWith("FP") || datatype === "BF16" ? 0.5 + (index % 4) : index % 3;
}

/** The ends of a datatype's range as far as JSON numbers carry them exactly. */
export function extremes(datatype) {
  if (datatype === "BOOL") return [true, false];
  if (datatype === "BYTES") return ["", "ünï 中 \u{1f600}"];
  const limits = LIMITS[datatype];
  if (limits === undefined) return datatype === "FP16" ? [-65504, 65504] : [-1e30, 1e30];
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  return limits.map((limit) => Number(limit > safe ? safe : limit < -safe ? -safe : limit));
}

/** Values that aren't of the datatype. */
export function strangers(datatype) {
  if (datatype === "BOOL") return ["maybe", {}];
  if (datatype === "BYTES") return [{}, 1];
  const limits = LIMITS[datatype];
  if (limits === undefined) return ["abc", {}];
  const bits = Number(/\d+/.exec(datatype)[0]);
  return ["abc", 1.5, ...(bits < 64 ? [Number(limits[1]) + 1] : []), ...(limits[0] === 0n ? [-1] : [])];
}

const WRITERS = {
  BOOL: [1, (b, v, at) => b.writeUInt8(v ? 1 : 0, at)],
  INT8: [1, (b, v, at) => b.writeInt8(v, at)],
  INT16: [2, (b, v, at) => b.writeInt16LE(v, at)],
  INT32: [4, (b, v, at) => b.writeInt32LE(v, at)],
  INT64: [8, (b, v, at) => b.writeBigInt64LE(BigInt(v), at)],
  UINT8: [1, (b, v, at) => b.writeUInt8(v, at)],
  UINT16: [2, (b, v, at) => b.writeUInt16LE(v, at)],
  UINT32: [4, (b, v, at) => b.writeUInt32LE(v, at)],
  UINT64: [8, (b, v, at) => b.writeBigUInt64LE(BigInt(v), at)],
  FP16: [2, (b, v, at) => b.writeUInt16LE(halfOf(v), at)],
  FP32: [4, (b, v, at) => b.writeFloatLE(v, at)],
  FP64: [8, (b, v, at) => b.writeDoubleLE(v, at)],
};

/** Exact for the samples above, which have few bits. */
function halfOf(value) {
  if (value === 0) return 0;
  const size = Math.abs(value);
  const exponent = Math.floor(Math.log2(size));
  const sign = value < 0 ? 0x8000 : 0;
  return sign | ((exponent + 15) << 10) | ((size / 2 ** exponent - 1) * 1024);
}

function ofHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

/** undefined for datatypes that this suite can't write. */
export function rawOf(datatype, values) {
  if (datatype === "BYTES")
    return Buffer.concat(
      values.flatMap((value) => {
        const text = Buffer.from(value);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        return [length, text];
      }),
    );
  const writer = WRITERS[datatype];
  if (writer === undefined) return undefined;
  const [size, write] = writer;
  const bytes = Buffer.alloc(size * values.length);
  for (const [index, value] of values.entries()) write(bytes, value, index * size);
  return bytes;
}

const READERS = {
  BOOL: (b, at) => b.readUInt8(at) !== 0,
  INT8: (b, at) => b.readInt8(at),
  INT16: (b, at) => b.readInt16LE(at),
  INT32: (b, at) => b.readInt32LE(at),
  INT64: (b, at) => Number(b.readBigInt64LE(at)),
  UINT8: (b, at) => b.readUInt8(at),
  UINT16: (b, at) => b.readUInt16LE(at),
  UINT32: (b, at) => b.readUInt32LE(at),
  UINT64: (b, at) => Number(b.readBigUInt64LE(at)),
  FP16: (b, at) => ofHalf(b.readUInt16LE(at)),
  FP32: (b, at) => b.readFloatLE(at),
  FP64: (b, at) => b.readDoubleLE(at),
};

/** undefined for datatypes that this suite can't read. */
export function valuesOf(datatype, raw) {
  if (datatype === "BYTES") {
    const values = [];
    for (let at = 0; at < raw.length;) {
      const end = at + 4 + raw.readUInt32LE(at);
      values.push(raw.toString("utf8", at + 4, end));
      at = end;
    }
    return values;
  }
  const reader = READERS[datatype];
  if (reader === undefined) return undefined;
  const [size] = WRITERS[datatype];
  return Array.from({ length: raw.length / size }, (_, index) => reader(raw, index * size));
}

export function elements(shape) {
  return shape.reduce((product, size) => product * Number(size), 1);
}

/** Nested arrays of a shape, from flat values. */
export function nest(values, shape) {
  if (shape.length <= 1) return values;
  const step = elements(shape.slice(1));
  return Array.from({ length: shape[0] }, (_, i) =>
    nest(values.slice(i * step, (i + 1) * step), shape.slice(1)),
  );
}

/** Flat values equal up to what a 32-bit float carries. */
export function alike(some, others) {
  const [a, b] = [[some].flat(Infinity), [others].flat(Infinity)];
  return (
    a.length === b.length &&
    a.every((value, i) => {
      if (value === b[i] || String(value) === String(b[i])) return true;
      return Math.abs(Number(value) - Number(b[i])) <= 1e-5 * Math.max(1, Math.abs(Number(b[i])));
    })
  );
}
