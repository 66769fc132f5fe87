import type { VariantState } from "../backend.ts";
import { FRAME_KIND } from "../frames.ts";
import { unknownModel } from "./model-facts.ts";
import type { FactDeps } from "./model-facts.ts";
import type { Refusal } from "./refusal.ts";

/** A model that takes longer to load is asked for again. */
const LOAD_WITHIN_MS = 60_000;

/** One version in the index of Open Inference's model repository extension. */
export interface IndexEntry {
  name: string;
  version: string;
  state: "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE";
  reason: string;
}

/** Every service and its prepared versions. @param onlyReady leaves out those that aren't */
export function repositoryIndex(onlyReady: boolean, deps: FactDeps): IndexEntry[] {
  const entries = deps.rules.services().flatMap((service) => entriesOf(service, deps));
  return onlyReady ? entries.filter(({ state }) => state === "READY") : entries;
}

function entriesOf(service: string, { rules, variants }: FactDeps): IndexEntry[] {
  const rule = rules.find(service)?.rule;
  const versions = new Set(
    variants.specs().flatMap((spec) => (spec.service === service ? [spec.version] : [])),
  );
  if (rule !== undefined) versions.add(rule.champion);
  return [...versions]
    .sort((a, b) => a - b)
    .map((version) => {
      const pool = variants.find({ service, version });
      const entry = { name: service, version: String(version) };
      if (pool === undefined)
        return { ...entry, state: "UNAVAILABLE", reason: "this version isn't prepared" };
      if (pool.isReady) return { ...entry, state: "READY", reason: "" };
      return { ...entry, ...whyNot(pool.state()) };
    });
}

function whyNot({ workers }: VariantState): Pick<IndexEntry, "state" | "reason"> {
  const [first] = workers;
  const state =
    first?.state === "starting" ? "LOADING" : first?.state === "stopping" ? "UNLOADING" : "UNAVAILABLE";
  return { state, reason: first?.lastExit ?? `its worker is ${first?.state ?? "gone"}` };
}

/**
 * Calls `done` once the champion is loaded, which starts one that is scaled to zero, or with why it isn't. Which version
 * that is says the environment repository. Answers how to stop waiting.
 */
export function loadModel(
  model: string,
  deps: FactDeps,
  done: (refusal: Refusal | undefined) => void,
): () => void {
  const refuse = (status: number, message: string) => {
    done({ status, message });
    return () => undefined;
  };
  const rule = deps.rules.find(model)?.rule;
  if (rule === undefined) return refuse(404, unknownModel(model, undefined));
  const pool = deps.variants.find({ service: model, version: rule.champion });
  const refusal = pool === undefined ? "isn't prepared" : pool.refusal(0);
  if (pool === undefined || refusal !== undefined)
    return refuse(503, `version ${rule.champion} of ${JSON.stringify(model)} ${refusal ?? ""}`);
  // A worker answers what its model takes only when the model is loaded.
  const asked = pool.request(FRAME_KIND.metadata, Buffer.alloc(0), LOAD_WITHIN_MS, (answer) => {
    clearTimeout(timer);
    done(
      answer === "lost" ? { status: 503, message: "the model's worker died while it was loaded" } : undefined,
    );
  });
  const stop = () => {
    clearTimeout(timer);
    asked.cancel();
  };
  const timer = setTimeout(() => {
    stop();
    done({ status: 503, message: `the model isn't loaded within ${LOAD_WITHIN_MS / 1_000} s` });
  }, LOAD_WITHIN_MS);
  return stop;
}

/** Why a model isn't unloaded by a call: what runs is the environment repository's to say, not one caller's. */
export function unloadRefusal(model: string, { rules }: FactDeps): Refusal {
  if (rules.find(model) === undefined) return { status: 404, message: unknownModel(model, undefined) };
  return {
    status: 409,
    message: `${JSON.stringify(model)} isn't unloaded by a call: what serves is said by the environment repository. Remove the service there, or let serving.scale.min: 0 end its workers while nobody asks`,
  };
}

/** Files or a configuration came with the call. */
export const LOADED_AS_PUSHED: Refusal = {
  status: 400,
  message: "a model can't be configured by loading it: its slipway.yaml says how it is served",
};
