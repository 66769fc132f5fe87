export type AttributeValue = string | number | boolean;

/** One ended span. Times are milliseconds since the epoch with fractions. */
export interface Span {
  /** Hexadecimal, lower case. */
  traceId: string;
  spanId: string;
  /** "": a root. */
  parentId: string;
  traceState: string;
  name: string;
  kind: "internal" | "server";
  startMs: number;
  endMs: number;
  attributes: Record<string, AttributeValue>;
  /** What failed; undefined: nothing did. */
  error: string | undefined;
}
