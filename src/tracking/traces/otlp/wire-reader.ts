/** A field of a protocol buffer message, read as its wire type says. */
export type WireValue =
  | { type: "varint"; value: bigint }
  | { type: "fixed64"; value: bigint }
  | { type: "fixed32"; value: number }
  | { type: "bytes"; value: Uint8Array };

/** The bytes aren't a protocol buffer message. */
export class WireError extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Calls `visit` with every field of a message in its order. Strict about what can't be a message: fields that
 * reach over its end, varints beyond 64 bits, field number 0, and the groups that proto3 doesn't have.
 * Encoding: https://protobuf.dev/programming-guides/encoding/
 */
export function readFields(bytes: Uint8Array, visit: (field: number, value: WireValue) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  /** A field's key or length: 32 bits at most. */
  const small = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new WireError("a number ends too soon");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80 && value <= 0xffff_ffff) return value;
    }
    throw new WireError("a key or a length is longer than 32 bits");
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new WireError("a number ends too soon");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError("a number is longer than 64 bits");
  };
  const skip = (length: number): number => {
    const start = at;
    at += length;
    if (at > bytes.length) throw new WireError("a field reaches over the end of its message");
    return start;
  };
  while (at < bytes.length) {
    const key = small();
    const field = key >>> 3;
    if (field === 0) throw new WireError("field number 0");
    switch (key & 7) {
      case 0:
        visit(field, { type: "varint", value: varint() });
        break;
      case 1:
        visit(field, { type: "fixed64", value: view.getBigUint64(skip(8), true) });
        break;
      case 2: {
        const start = skip(small());
        visit(field, { type: "bytes", value: bytes.subarray(start, at) });
        break;
      }
      case 5:
        visit(field, { type: "fixed32", value: view.getUint32(skip(4), true) });
        break;
      default:
        throw new WireError("an unknown wire type");
    }
  }
}

/** A string field; text that isn't UTF-8 is an error, as in Google's own readers. */
export function stringOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new WireError("a text isn't UTF-8");
  }
}

/** The bits of a fixed64 field as a double. */
export function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
