import type { SamplerSettings } from "./settings.ts";
import type { TraceContext } from "./trace-context.ts";

/** W3C Trace Context level 2 says that the last 14 hexadecimal digits are random; a number holds 13 of them exactly. */
const RANDOM_DIGITS = 14;
const READ_DIGITS = 13;
const SPAN = 2 ** (READ_DIGITS * 4);

/**
 * Whether a trace is kept. By the trace's own random bits, so that all programs with one ratio keep the same traces
 * (OpenTelemetry's consistent probability sampling: those at or above the threshold).
 */
export function isSampled(
  { followsParent, ratio }: SamplerSettings,
  traceId: string,
  parent: TraceContext | undefined,
): boolean {
  if (followsParent && parent !== undefined) return parent.isSampled;
  return Number.parseInt(traceId.slice(-RANDOM_DIGITS).slice(0, READ_DIGITS), 16) >= (1 - ratio) * SPAN;
}
