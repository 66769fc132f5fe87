import type { IncomingMessage, ServerResponse } from "node:http";
import { BadInput } from "../protocol/bad-input.ts";
import { parseObject } from "../protocol/v2.ts";
import { sendJson, sendProtocolError } from "./answers.ts";
import type { FactDeps } from "./model-facts.ts";
import { LOADED_AS_PUSHED, loadModel, repositoryIndex, unloadRefusal } from "./model-repository.ts";
import { readBody } from "./read-body.ts";
import type { Refusal } from "./refusal.ts";

const MAX_BODY_BYTES = 64 * 1024;
const RETRY_SOON = { "retry-after": "1" };

/** `POST /v2/repository/index`; `{"ready": true}` asks for the ready ones only. */
export function sendIndex(req: IncomingMessage, res: ServerResponse, deps: FactDeps): void {
  withBody(req, res, ({ ready }) =>
    sendJson(res, 200, JSON.stringify(repositoryIndex(ready === true, deps))),
  );
}

/** `POST /v2/repository/models/{model}/load`. */
export function load(req: IncomingMessage, res: ServerResponse, model: string, deps: FactDeps): void {
  withBody(req, res, ({ parameters }) => {
    const hasParameters =
      typeof parameters === "object" && parameters !== null && Object.keys(parameters).length > 0;
    if (hasParameters && deps.rules.find(model) !== undefined) return sendRefusal(res, LOADED_AS_PUSHED);
    const stop = loadModel(model, deps, (refusal) => {
      if (refusal === undefined) sendJson(res, 200, "{}");
      else sendRefusal(res, refusal);
    });
    res.on("close", stop);
    return undefined;
  });
}

/** `POST /v2/repository/models/{model}/unload`. */
export function refuseUnload(res: ServerResponse, model: string, deps: FactDeps): void {
  sendRefusal(res, unloadRefusal(model, deps));
}

function sendRefusal(res: ServerResponse, { status, message }: Refusal): void {
  sendProtocolError(res, status, message, status === 503 ? RETRY_SOON : {});
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
