/** What the tests send as a span; only what OTLP's protobuf needs. */
export interface TestSpan {
  traceId: Buffer;
  spanId: Buffer;
  parentId?: Buffer;
  name?: string;
  startNs?: bigint;
  endNs?: bigint;
  attributes?: Record<string, TestValue>;
  status?: 0 | 1 | 2;
}

export type TestValue =
  | string
  | boolean
  | bigint
  | number
  | null
  | Buffer
  | TestValue[]
  | { [key: string]: TestValue };

/** An ExportTraceServiceRequest of one resource. */
export function encodeRequest(spans: readonly TestSpan[], resource: Record<string, TestValue> = {}): Buffer {
  const scope = bytes(2, join(spans.map((span) => bytes(2, encodeSpan(span)))));
  return bytes(1, join([bytes(1, attributes(1, resource)), scope]));
}

function encodeSpan(span: TestSpan): Buffer {
  return join([
    bytes(1, span.traceId),
    bytes(2, span.spanId),
    ...(span.parentId ? [bytes(4, span.parentId)] : []),
    bytes(5, Buffer.from(span.name ?? "span")),
    fixed64(7, span.startNs ?? 1_700_000_000_000_000_001n),
    fixed64(8, span.endNs ?? 1_700_000_001_000_000_002n),
    attributes(9, span.attributes ?? {}),
    bytes(15, join([tag(3, 0), varint(BigInt(span.status ?? 0))])),
  ]);
}

function attributes(field: number, values: Record<string, TestValue>): Buffer {
  return join(Object.entries(values).map(([key, value]) => bytes(field, keyValue(key, value))));
}

function keyValue(key: string, value: TestValue): Buffer {
  return join([bytes(1, Buffer.from(key)), bytes(2, encodeValue(value))]);
}

/** AnyValue: bigint is an integer, number a double. */
export function encodeValue(value: TestValue): Buffer {
  if (value === null) return Buffer.alloc(0);
  if (typeof value === "string") return bytes(1, Buffer.from(value));
  if (typeof value === "boolean") return join([tag(2, 0), varint(value ? 1n : 0n)]);
  if (typeof value === "bigint") return join([tag(3, 0), varint(BigInt.asUintN(64, value))]);
  if (typeof value === "number") {
    const double = Buffer.alloc(8);
    double.writeDoubleLE(value);
    return join([tag(4, 1), double]);
  }
  if (Buffer.isBuffer(value)) return bytes(7, value);
  if (Array.isArray(value)) return bytes(5, join(value.map((item) => bytes(1, encodeValue(item)))));
  return bytes(6, attributes(1, value));
}

export function bytes(field: number, content: Buffer): Buffer {
  return join([tag(field, 2), varint(BigInt(content.length)), content]);
}

function fixed64(field: number, value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(value);
  return join([tag(field, 1), buffer]);
}

function tag(field: number, type: number): Buffer {
  return varint(BigInt(field * 8 + type));
}

function varint(value: bigint): Buffer {
  return value < 128n
    ? Buffer.from([Number(value)])
    : join([Buffer.from([Number(value & 127n) | 128]), varint(value >> 7n)]);
}

function join(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts as unknown as Uint8Array[]);
}
