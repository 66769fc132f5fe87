import type { AnyValue, KeyAnyValue } from "./any-value.ts";

/** A span as it came over OTLP. Ids are lower-case hexadecimal, padded; times nanoseconds since the epoch, 0: unset. */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  /** Null: a root. */
  parentId: string | null;
  name: string;
  startNs: bigint;
  endNs: bigint;
  attributes: KeyAnyValue[];
  events: OtlpEvent[];
  links: OtlpLink[];
  status: { code: 0 | 1 | 2; message: string };
}

export interface OtlpEvent {
  timeNs: bigint;
  name: string;
  attributes: KeyAnyValue[];
}

export interface OtlpLink {
  /** Hexadecimal. */
  traceId: string;
  spanId: string;
  attributes: KeyAnyValue[];
}

/** Spans of one source, such as one process. */
export interface ResourceSpans {
  resource: KeyAnyValue[];
  spans: OtlpSpan[];
}

/** A request can't be read, or a span in it lacks what every span has. */
export class OtlpError extends Error {
  readonly kind: "malformed" | "span";

  constructor(kind: "malformed" | "span", message: string) {
    super(message);
    this.kind = kind;
  }
}

const MAX_TIME = 2n ** 63n;

/**
 * The id of a trace (16 bytes) or a span (8) from its hexadecimal digits. A shorter one is padded, as MLflow does;
 * an empty one, a longer one or one of zeros only names nothing.
 */
export function idOf(hex: string, bytes: 8 | 16, what: string): string {
  if (hex === "" || hex.length > bytes * 2 || /^0+$/.test(hex)) {
    throw new OtlpError("span", `${what} must have ${bytes} bytes, not all zero`);
  }
  return hex.toLowerCase().padStart(bytes * 2, "0");
}

export function timeOf(ns: bigint, what: string): bigint {
  if (ns < 0n || ns >= MAX_TIME) throw new OtlpError("span", `${what} is beyond what a clock can say`);
  return ns;
}

/** By key, the last of each; in the order of first appearance. */
export function attributeMap(attributes: readonly KeyAnyValue[]): Map<string, AnyValue> {
  const map = new Map<string, AnyValue>();
  for (const { key, value } of attributes) map.set(key, value ?? {});
  return map;
}
