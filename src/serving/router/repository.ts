import type { IncomingMessage, ServerResponse } from "node:http";
import { FRAME_KIND } from "../frames.ts";
import { BadInput } from "../protocol/bad-input.ts";
import { parseObject } from "../protocol/v2.ts";
import type { VariantState } from "../backend.ts";
import { sendJson, sendProtocolError } from "./answers.ts";
import { unknownModel } from "./model-facts.ts";
import type { FactDeps } from "./model-facts.ts";
import { readBody } from "./read-body.ts";

const MAX_BODY_BYTES = 64 * 1024;
/** A model that takes longer to load is asked for again. */
const LOAD_WITHIN_MS = 60_000;
const RETRY_SOON = { "retry-after": "1" };

/** One version in the index of Open Inference's model repository extension. */
interface IndexEntry {
  name: string;
  version: string;
  state: "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE";
  reason: string;
}

/** `POST /v2/repository/index`: every service and its prepared versions; `{"ready": true}` asks for the ready ones only. */
export function sendIndex(req: IncomingMessage, res: ServerResponse, deps: FactDeps): void {
  withBody(req, res, ({ ready }) => {
    const entries = deps.rules.services().flatMap((service) => entriesOf(service, deps));
    const wanted = ready === true ? entries.filter(({ state }) => state === "READY") : entries;
    sendJson(res, 200, JSON.stringify(wanted));
  });
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
 * `POST /v2/repository/models/{model}/load`: answers once the champion is loaded, which starts one that is scaled to
 * zero. Which version that is says the environment repository, so a configuration or files in the call are refused.
 */
export function load(req: IncomingMessage, res: ServerResponse, model: string, deps: FactDeps): void {
  withBody(req, res, ({ parameters }) => {
    const rule = deps.rules.find(model)?.rule;
    if (rule === undefined) return sendProtocolError(res, 404, unknownModel(model, undefined));
    if (typeof parameters === "object" && parameters !== null && Object.keys(parameters).length > 0)
      return sendProtocolError(
        res,
        400,
        "a model can't be configured by loading it: its slipway.yaml says how it is served",
      );
    const pool = deps.variants.find({ service: model, version: rule.champion });
    const refusal = pool === undefined ? "isn't prepared" : pool.refusal(0);
    if (pool === undefined || refusal !== undefined) {
      const message = `version ${rule.champion} of ${JSON.stringify(model)} ${refusal ?? ""}`;
      return sendProtocolError(res, 503, message, RETRY_SOON);
    }
    // A worker answers what its model takes only when the model is loaded.
    const asked = pool.request(FRAME_KIND.metadata, Buffer.alloc(0), LOAD_WITHIN_MS, (answer) => {
      clearTimeout(timer);
      if (answer === "lost")
        sendProtocolError(res, 503, "the model's worker died while it was loaded", RETRY_SOON);
      else sendJson(res, 200, "{}");
    });
    const timer = setTimeout(() => {
      asked.cancel();
      sendProtocolError(res, 503, `the model isn't loaded within ${LOAD_WITHIN_MS / 1_000} s`, RETRY_SOON);
    }, LOAD_WITHIN_MS);
    res.on("close", () => {
      clearTimeout(timer);
      asked.cancel();
    });
    return undefined;
  });
}

/** `POST /v2/repository/models/{model}/unload`: what runs is the environment repository's to say, not one caller's. */
export function refuseUnload(res: ServerResponse, model: string, { rules }: FactDeps): void {
  if (rules.find(model) === undefined) return sendProtocolError(res, 404, unknownModel(model, undefined));
  return sendProtocolError(
    res,
    409,
    `${JSON.stringify(model)} isn't unloaded by a call: what serves is said by the environment repository. Remove the service there, or let serving.scale.min: 0 end its workers while nobody asks`,
  );
}

/** The body as an object; an empty one is none. */
function withBody(
  req: IncomingMessage,
  res: ServerResponse,
  then: (body: Record<string, unknown>) => void,
): void {
  readBody(req, MAX_BODY_BYTES, (read) => {
    if (read === "aborted") return undefined;
    if (!("body" in read))
      return sendProtocolError(res, 413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
    try {
      return then(read.body.length === 0 ? {} : parseObject(read.body));
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      return sendProtocolError(res, error.status, error.message);
    }
  });
}
