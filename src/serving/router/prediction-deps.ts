import type { CopiesUnderWay } from "./copies-under-way.ts";
import type { OutcomeCounters } from "./outcome-counters.ts";
import type { PredictionLog } from "./prediction-log.ts";
import type { RequestCounts } from "./request-counts.ts";
import type { SampleLog } from "./sample-log.ts";
import type { SeenCallers } from "./seen-callers.ts";
import type { ShadowCounters } from "./shadow-counters.ts";
import type { Tracer } from "../tracing/tracer.ts";
import type { Variants } from "./variants.ts";
import type { VisibleRules } from "./visible-rules.ts";

/** What answering predictions needs. */
export interface PredictionDeps {
  rules: VisibleRules;
  variants: Variants;
  outcomes: OutcomeCounters;
  shadows: ShadowCounters;
  copies: CopiesUnderWay;
  seen: SeenCallers;
  log: PredictionLog;
  samples: SampleLog;
  requests: RequestCounts;
  /** undefined: no traces are made. */
  tracer?: Tracer | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  ticks(): number;
  /** In [0, 1). */
  random(): number;
  newRequestId(): string;
}

/** What the path of an inference request asks for. */
export interface InferTarget {
  protocol: "v1" | "v2" | "invocations";
  model: string;
  /** From the path: this version, assigned by nobody, in no test. */
  version?: number;
  /** It came by gRPC, in whose place the protocol is V2. */
  isGrpc?: boolean;
}
