import type { IncomingHttpHeaders } from "node:http";

/** The caller's span, which ours goes on from. Ids are lower-case hexadecimal. */
export interface TraceContext {
  traceId: string;
  spanId: string;
  isSampled: boolean;
  /** Of others, carried on as it is. */
  traceState: string;
}

const VERSION_0 = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** What must be carried on; longer ones may be cut (W3C Trace Context 3.3.1.5). */
const MOST_STATE = 512;

/** `traceparent` and `tracestate` (W3C Trace Context); undefined when there is none that can be read. */
export function traceContext(headers: IncomingHttpHeaders): TraceContext | undefined {
  const parent = headers["traceparent"];
  if (typeof parent !== "string") return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = VERSION_0.exec(parent.trim()) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  const state = headers["tracestate"];
  const traceState = typeof state === "string" && state.length <= MOST_STATE ? state : "";
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, traceState };
}
