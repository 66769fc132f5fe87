import type { PodReport } from "../base/pod-report.ts";
import type { OutcomeReport, PredictionPage } from "./outcomes.ts";

/** One model version serving inside a service. The service has the model's name. */
export interface VariantRef {
  service: string;
  version: number;
}

/** What runs a model: ONNX Runtime, or Python with the framework that the model was made with. */
export type ModelFormat = "onnx" | "python";

export interface VariantSpec extends VariantRef {
  format: ModelFormat;
  /** Folder on this machine with the model; its content never changes. */
  modelDir: string;
  /** Interpreter of the model's own environment on this machine; only for "python". */
  python?: string;
  /** Always ready; 0: none while nobody asks, and the first request waits for one. */
  workers: number;
  /** How many more there may be, and when; undefined: never more than `workers`. */
  scale?: ScaleRule;
  /** Bytes that one worker may use before it is ended; undefined: the backend's default. */
  memoryBytes?: number;
  /** Processors that one worker may use; below 1 its weight where processors are short. Undefined: 1. */
  cpu?: number;
  limits?: VariantLimits;
  /** "host:port" of each pod that serves it, in place of workers on this machine; those that come and go are prepared anew. */
  endpoints?: readonly string[];
  /** Whose pods these are; undefined: the default tenant's. */
  tenant?: string;
}

/** When a variant gets more workers, and fewer. */
export interface ScaleRule {
  /** Workers at most; at least `workers`. */
  max: number;
  /** Requests under way or waiting for each worker, on average, that are wanted. */
  concurrency: number;
  /** Milliseconds without need after which a worker is ended; the last one only where `workers` is 0. */
  idleMs: number;
}

/** What one variant may hold at once; a request beyond it is refused at once. */
export interface VariantLimits {
  /** Requests that are with its workers; undefined: no limit of its own. */
  concurrency?: number;
  /** Requests that wait for a worker, or for their turn; default 1,024. */
  queue?: number;
}

/** How a service's traffic is divided, as said by one commit of the environment repository. */
export interface TrafficRule {
  service: string;
  /** Whose callers may use it; undefined: the default tenant's. */
  tenant?: string;
  /** Of the environment repository. */
  commit: string;
  /** Number of commits up to that one: an older rule is refused with CONFLICT. */
  order: number;
  champion: number;
  challenger?: number;
  /** Share of new units that goes to the challenger, 0 to 1. */
  share: number;
  /**
   * Share of requests, 0 to 1, of which the challenger gets a copy; `share` is 0 then. Counted under the rule's epoch at
   * share 0.5: of each pair of outcomes a coin takes one, which makes a test for two arms one for pairs.
   */
  shadow?: number;
  /** A unit that the challenger fails is answered by the champion within the same deadline. */
  fallback?: boolean;
  sticky?: { header: string };
  timeoutMs: number;
  maxBodyBytes: number;
  protocols: ("v1" | "v2")[];
  /** Which requests go to the prediction log; undefined: none. */
  log?: LogRule;
  /** Of a pod behind a gateway that divides the traffic: all that comes is `champion`'s, which is this arm of its trial. */
  divided?: DividedRule;
}

/** Which part of a division that was made elsewhere a process gets. */
export interface DividedRule {
  arm: "champion" | "challenger";
  /** Version on trial, whichever arm this is. */
  onTrial?: number;
}

/** Which requests of a service are kept with their answers. */
export interface LogRule {
  /** Of the requests, chosen by their ids; 0 to 1. */
  sample: number;
  /** Inputs and outputs too, not only what is told about the request. */
  values: boolean;
}

export interface ProbeAnswer {
  status: number;
  body: string;
}

/** Serves variants: local workers, or Kubernetes. */
export interface ServingBackend {
  /** Loads the variant in as many workers as asked and resolves when all are ready; idempotent. VARIANT_NOT_READY says why not. */
  prepare(spec: VariantSpec, signal: AbortSignal): Promise<void>;
  /** One Open Inference V2 request to a prepared variant, through the very worker that will serve it; counted nowhere. */
  probe(ref: VariantRef, v2Body: string, signal: AbortSignal): Promise<ProbeAnswer>;
  /** Takes requests under way to their end (bounded), then ends the workers. Refused with CONFLICT while a rule names it. */
  remove(ref: VariantRef): Promise<void>;
  /** Resolves when the rule is durable and in force. */
  route(rule: TrafficRule): Promise<void>;
  /** Removes a service's rule, with the order of the commit that says so. */
  unroute(service: string, order: number): Promise<void>;
  /** Emergency stop: from now on all new units go to the champion, whatever the present rule's share, until a newer rule comes. */
  stopChallenger(service: string, version: number): Promise<void>;
  /** What is in force and which variants are prepared, for reconciling after a restart. */
  state(): Promise<{ rules: TrafficRule[]; variants: VariantState[] }>;
  outcomes(): Promise<OutcomeReport>;
  /**
   * Predictions of these services after the cursor ("" is the oldest kept), for joining with labels. A page may have fewer
   * than `limit` although it isn't the end: those of other services are passed over.
   */
  predictions(cursor: string, limit: number, services: readonly string[]): Promise<PredictionPage>;
  /** Last lines of a variant's workers. */
  logs(ref: VariantRef, lines: number): Promise<string[]>;
  /** Where they are pods: those of a variant that aren't ready, and what the cluster says of them; absent elsewhere. */
  pods?(ref: VariantRef, lines: number): Promise<PodReport[]>;
}

export interface VariantState extends VariantRef {
  /** None while it is scaled to zero. */
  workers: WorkerState[];
  /** The latest end of a worker that nobody asked for. */
  lastEnd?: { at: number; reason: string };
  /** What keeps it from having as many workers as it should, where that isn't just the time they take to begin. */
  obstacle?: { code: string; message: string };
}

export interface WorkerState {
  pid?: number;
  state: "starting" | "ready" | "backing-off" | "stopping";
  /** Ends in this place so far that nobody asked for. */
  restarts: number;
  /** Why the one before this ended. */
  lastExit?: string;
  /** True when its process holds models of other services too. */
  isShared?: boolean;
  /** Where its pod is, "host:port". */
  endpoint?: string;
}
