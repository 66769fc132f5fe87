import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import { sendJson } from "../router/answers.ts";
import { readBody } from "../router/read-body.ts";
import type { AdminCall } from "./calls.ts";
import type { AdminHandlers } from "./handlers.ts";

const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * The router's own interface, on a Unix socket that only this user can open: `POST /<call>` with the request
 * as JSON answers `{"result": …}` or `{"error": …}`. A caller that goes away aborts its call.
 */
export function createAdminServer(handlers: AdminHandlers): Server {
  return createServer({ requestTimeout: 60_000 }, (req, res) => {
    const gone = new AbortController();
    res.on("close", () => gone.abort(new SlipwayError("UNAVAILABLE", "the caller went away")));
    void answer(req, handlers, gone.signal)
      .then((result) => sendJson(res, 200, JSON.stringify({ result })))
      .catch((error: unknown) => {
        const known = toSlipwayError(error);
        if (known.code === "INTERNAL") console.error(error);
        sendJson(res, known.status, JSON.stringify({ error: known.toJSON() }));
      });
  });
}

async function answer(req: IncomingMessage, handlers: AdminHandlers, signal: AbortSignal): Promise<unknown> {
  const name = (req.url ?? "").slice(1);
  if (!Object.hasOwn(handlers, name))
    throw new SlipwayError("NOT_FOUND", "the router has no such call", { given: name.slice(0, 100) });
  const request: unknown = JSON.parse((await bodyOf(req)).toString("utf8"));
  const handler = handlers[name as AdminCall] as (request: unknown, signal: AbortSignal) => Promise<unknown>;
  return handler(request, signal);
}

function bodyOf(req: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readBody(req, MAX_BODY_BYTES, (read) => {
      if (read === "aborted") reject(new SlipwayError("UNAVAILABLE", "the caller went away"));
      else if ("tooLarge" in read) reject(new SlipwayError("TOO_LARGE", `over ${MAX_BODY_BYTES} bytes`));
      else resolve(read.body);
    });
  });
}
