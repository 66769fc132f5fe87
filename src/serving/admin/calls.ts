import type { FoundPrediction, PredictionPage, OutcomeReport } from "../outcomes.ts";
import type { ServingFigures } from "../figures.ts";
import type { SampleSegment } from "../router/sample-segments.ts";
import type { PredictionCallers } from "../router/caller-book.ts";
import type { ProbeAnswer, TrafficRule, VariantRef, VariantSpec, VariantState } from "../backend.ts";

/** What may be asked of the router over its own socket: name, request and answer of each call. */
export interface AdminCalls {
  prepare: { request: VariantSpec; answer: null };
  probe: { request: VariantRef & { body: string }; answer: ProbeAnswer };
  remove: { request: VariantRef; answer: null };
  route: { request: TrafficRule; answer: null };
  unroute: { request: { service: string; order: number }; answer: null };
  "stop-challenger": { request: VariantRef; answer: null };
  /** Of a process behind a gateway: what share the units of an interval were, which is told when it is over. */
  settle: { request: SettledInterval; answer: null };
  state: { request: null; answer: { rules: TrafficRule[]; variants: VariantState[] } };
  outcomes: { request: null; answer: OutcomeReport };
  figures: { request: null; answer: ServingFigures };
  predictions: {
    request: { cursor: string; limit: number; services: readonly string[] };
    answer: PredictionPage;
  };
  /** Of an id, and since when ids are kept. */
  prediction: { request: { requestId: string }; answer: FoundPrediction };
  /** Hands what the prediction log has over, for its files. */
  "roll-log": { request: null; answer: null };
  /** Which variants that may have no pod are asked for; answers as soon as one that isn't named `waking` lacks a pod. */
  demand: {
    request: { waking: readonly VariantRef[]; waitMs: number };
    answer: { variants: VariantDemand[] };
  };
  /** What the prediction log has that is in no file yet, oldest first. */
  "log-segments": { request: null; answer: { segments: LogSegment[] } };
  /** Bytes of one of them, as base64; none at its end. */
  "log-read": { request: { name: string; offset: number; most: number }; answer: { bytes: string } };
  /** Its files are kept for good: it may go. */
  "log-taken": { request: { name: string }; answer: null };
  /** Every rule and variant that there is has been told: from now on it may be sent requests. */
  complete: { request: null; answer: null };
  callers: { request: PredictionCallers; answer: { used: string[] } };
  logs: { request: VariantRef & { lines: number }; answer: string[] };
}

/** What was counted under `from` counts under `to` from now on, as assigned with that share. */
export interface SettledInterval {
  service: string;
  from: string;
  to: string;
  /** 0 to 1, of the challenger. */
  share: number;
}

/** How much a variant is asked for that has no pods while nobody asks. */
export interface VariantDemand extends VariantRef {
  /** Requests wait, and it has no pod. */
  lacksPods: boolean;
  /** Milliseconds since the last request ended; 0 while one is under way. */
  idleMs: number;
}

export type LogSegment = SampleSegment;

export type AdminCall = keyof AdminCalls;
