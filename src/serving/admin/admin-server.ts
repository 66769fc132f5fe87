import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { isDigestOf, readCredentials } from "../../http/credentials.ts";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import { EXPOSITION_TYPE } from "../../monitoring/exposition.ts";
import { sendJson } from "../router/answers.ts";
import { readBody } from "../router/read-body.ts";
import type { AdminCall } from "./calls.ts";
import type { AdminHandlers } from "./handlers.ts";

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface AdminDoor {
  /** SHA-256 (hex) of the token that every call must send as `Authorization: Bearer …`. */
  tokenSha256: string;
  /** What `GET /ready` answers, to whoever asks; `GET /health` says that this process answers. */
  isReady(): boolean;
  /** What `GET /metrics` answers, to whoever asks. */
  metrics?(): Promise<string>;
}

/**
 * The router's own interface: `POST /<call>` with the request as JSON answers `{"result": …}` or `{"error": …}`. A caller
 * that goes away aborts its call. Without a door it is for a Unix socket that only this user can open.
 */
export function createAdminServer(handlers: AdminHandlers, door?: AdminDoor): Server {
  return createServer({ requestTimeout: 60_000, maxHeaderSize: MAX_HEAD_BYTES }, (req, res) => {
    if (door !== undefined && req.method === "GET") return answerProbe(req, res, door);
    if (door !== undefined && !mayCall(req, door)) return refuse(res);
    const gone = new AbortController();
    res.on("close", () => gone.abort(new SlipwayError("UNAVAILABLE", "the caller went away")));
    void answer(req, handlers, gone.signal)
      .then((result) => sendJson(res, 200, JSON.stringify({ result })))
      .catch((error: unknown) => {
        const known = toSlipwayError(error);
        if (known.code === "INTERNAL") console.error(error);
        sendJson(res, known.status, JSON.stringify({ error: known.toJSON() }));
      });
    return undefined;
  });
}

/** Asked by the kubelet and by Prometheus, which have no token. */
function answerProbe(req: IncomingMessage, res: ServerResponse, door: AdminDoor): void {
  if (req.url === "/health") return sendJson(res, 200, '{"live":true}');
  if (req.url === "/metrics" && door.metrics !== undefined)
    return void door
      .metrics()
      .then((text) => res.writeHead(200, { "content-type": EXPOSITION_TYPE }).end(text));
  const isReady = req.url === "/ready" && door.isReady();
  return sendJson(res, req.url !== "/ready" ? 404 : isReady ? 200 : 503, JSON.stringify({ ready: isReady }));
}

function mayCall({ headers }: IncomingMessage, { tokenSha256 }: AdminDoor): boolean {
  const given = readCredentials(headers.authorization ?? "");
  return given?.kind === "token" && isDigestOf(given.token, tokenSha256);
}

function refuse(res: ServerResponse): void {
  const error = new SlipwayError("TOKEN_REQUIRED", "this is for the control process alone");
  sendJson(res, error.status, JSON.stringify({ error: error.toJSON() }), { connection: "close" });
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
