/**
 * OpenTelemetry's AnyValue in proto JSON, which keeps what JSON alone would lose: whole doubles, 64-bit integers,
 * the order of keys and keys that come twice. No member: no value.
 */
export interface AnyValue {
  string_value?: string;
  bool_value?: boolean;
  /** Decimal digits. */
  int_value?: string;
  /** NaN and infinities by name. */
  double_value?: number | "NaN" | "Infinity" | "-Infinity";
  array_value?: { values: AnyValue[] };
  kvlist_value?: { values: KeyAnyValue[] };
  /** Base 64. */
  bytes_value?: string;
}

export interface KeyAnyValue {
  key: string;
  value?: AnyValue;
}

/** Values within each other; deeper ones are refused before anything recurses into them. */
export const MAX_DEPTH = 40;

export function doubleValue(value: number): AnyValue {
  if (Number.isFinite(value)) return { double_value: value };
  return { double_value: Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity" };
}

/**
 * JSON text as Python's json.dumps writes it (`", "`, `": "`, whole floats with `.0`): what MLflow keeps of an
 * attribute, and what its previews and filters show.
 */
export function jsonText(value: AnyValue): string {
  if (value.string_value !== undefined) return JSON.stringify(value.string_value);
  if (value.bool_value !== undefined) return String(value.bool_value);
  if (value.int_value !== undefined) return value.int_value;
  if (value.double_value !== undefined) return doubleText(value.double_value);
  if (value.bytes_value !== undefined) return JSON.stringify(value.bytes_value);
  if (value.array_value) return `[${value.array_value.values.map(jsonText).join(", ")}]`;
  if (value.kvlist_value) {
    const entries = value.kvlist_value.values.map(
      (entry) => `${JSON.stringify(entry.key)}: ${jsonText(entry.value ?? {})}`,
    );
    return `{${entries.join(", ")}}`;
  }
  return "null";
}

function doubleText(value: NonNullable<AnyValue["double_value"]>): string {
  if (typeof value !== "number") return value;
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** The value as JavaScript sees it; numbers as doubles. For reading a few known attributes, not for keeping. */
export function plain(value: AnyValue | undefined): unknown {
  if (!value) return null;
  if (value.string_value !== undefined) return value.string_value;
  if (value.bool_value !== undefined) return value.bool_value;
  if (value.int_value !== undefined) return Number(value.int_value);
  if (value.double_value !== undefined) return Number(value.double_value);
  if (value.bytes_value !== undefined) return value.bytes_value;
  if (value.array_value) return value.array_value.values.map(plain);
  if (value.kvlist_value) {
    return Object.fromEntries(value.kvlist_value.values.map((entry) => [entry.key, plain(entry.value)]));
  }
  return null;
}

/** A plain JSON value as AnyValue; whole numbers become integers. */
export function anyValue(value: unknown): AnyValue {
  if (typeof value === "string") return { string_value: value };
  if (typeof value === "boolean") return { bool_value: value };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { int_value: String(value) } : doubleValue(value);
  }
  if (Array.isArray(value)) return { array_value: { values: value.map(anyValue) } };
  if (typeof value === "object" && value !== null) {
    const values = Object.entries(value).map(([key, item]) => ({ key, value: anyValue(item) }));
    return { kvlist_value: { values } };
  }
  return {};
}
