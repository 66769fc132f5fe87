import type { ServingBackend } from "../backend.ts";
import type { ServingFigures } from "../figures.ts";
import type { FoundPrediction } from "../outcomes.ts";
import type { AdminCalls } from "./calls.ts";
import type { AdminClient } from "./client.ts";

/** What control asks of whatever serves, beyond what rollouts need. */
export interface ServingControl extends ServingBackend {
  /** Says who may ask for predictions; answers the ids of the tokens that did since the last time. */
  admit(callers: AdminCalls["callers"]["request"]): Promise<{ used: string[] }>;
  /** What serve counts for people who operate it. */
  figures(): Promise<ServingFigures>;
  /** What is known of a request by its id. */
  prediction(requestId: string): Promise<FoundPrediction>;
  /** Hands over what the prediction log has, for its files. */
  rollLog(): Promise<void>;
  close(): void;
}

/** Loading a large model, several workers after each other. */
const PREPARE_MS = 5 * 60_000;
const PROBE_MS = 35_000;
/** Draining takes up to 30 s. */
const REMOVE_MS = 45_000;
/** Whoever scrapes waits for ten seconds at most, by Prometheus's default. */
const FIGURES_MS = 3_000;

/** One serve process as a serving backend; SERVE_UNREACHABLE while it is away. */
export function servingControl({ call, close }: AdminClient): ServingControl {
  return {
    prepare: async (spec, signal) => void (await call("prepare", spec, { signal, timeoutMs: PREPARE_MS })),
    probe: (ref, v2Body, signal) => call("probe", { ...ref, body: v2Body }, { signal, timeoutMs: PROBE_MS }),
    remove: async (ref) => void (await call("remove", ref, { timeoutMs: REMOVE_MS })),
    route: async (rule) => void (await call("route", rule)),
    unroute: async (service, order) => void (await call("unroute", { service, order })),
    stopChallenger: async (service, version) => void (await call("stop-challenger", { service, version })),
    state: () => call("state", null),
    outcomes: () => call("outcomes", null),
    predictions: (cursor, limit, services) => call("predictions", { cursor, limit, services }),
    logs: (ref, lines) => call("logs", { ...ref, lines }),
    figures: () => call("figures", null, { timeoutMs: FIGURES_MS }),
    prediction: (requestId) => call("prediction", { requestId }),
    rollLog: async () => void (await call("roll-log", null)),
    admit: (callers) => call("callers", callers),
    close,
  };
}
