import { request } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { SlipwayError } from "../../http/errors.ts";
import { PEER_HEADER } from "../../http/peer.ts";
import { originForm } from "../../http/request-target.ts";
import { sendJson } from "../router/answers.ts";
import { upstreamAgent } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

/** Sends one request on to control and its answer back; 503 with Retry-After while control is away. */
export type Forward = (req: IncomingMessage, res: ServerResponse) => void;

/** Headers that belong to one connection (RFC 9110, 7.6.1). */
const OWN = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "proxy-connection",
  // Ours to say, not the caller's.
  PEER_HEADER,
]);

export function createForward(to: Upstream, idleMs: number): Forward & { close(): void } {
  // In a cluster a kept connection may end in the moment of its next request, with the pod that it leads to.
  const keepAlive = "path" in to;
  const agent = upstreamAgent(to, { keepAlive, maxSockets: 256, maxFreeSockets: 8 });
  const forward: Forward = (req, res) => {
    const upstream = request({
      agent,
      method: req.method,
      path: originForm(req.url ?? "/"),
      // The typings know only objects here; names and values in turn keep order and repeats.
      headers: [
        ...forwardable(req.rawHeaders, req.headers["transfer-encoding"] !== undefined),
        ...peerHeader(req),
      ] as unknown as OutgoingHttpHeaders,
      setHost: false,
    });
    upstream.setTimeout(idleMs, () => upstream.destroy(new Error("control sent nothing")));
    upstream.on("response", (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, forwardable(answer.rawHeaders, false));
      answer.pipe(res);
      answer.on("error", () => res.destroy());
    });
    upstream.on("error", () => {
      if (res.headersSent) res.destroy();
      else sendUnavailable(res);
    });
    // Answered before its body was read: the rest must go by, or the next request on this connection never comes.
    res.on("finish", () => {
      req.unpipe(upstream);
      req.resume();
    });
    res.on("close", () => upstream.destroy());
    req.pipe(upstream);
  };
  return Object.assign(forward, { close: () => agent.destroy() });
}

function peerHeader({ socket }: IncomingMessage): string[] {
  return socket.remoteAddress === undefined ? [] : [PEER_HEADER, socket.remoteAddress];
}

function sendUnavailable(res: ServerResponse): void {
  const error = new SlipwayError("UNAVAILABLE", "the control process doesn't answer; predictions go on");
  sendJson(res, 503, JSON.stringify({ error: error.toJSON() }), { "retry-after": "1", connection: "close" });
}

function forwardable(raw: readonly string[], chunked: boolean): string[] {
  const headers: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name, value] = [raw[index] ?? "", raw[index + 1] ?? ""];
    if (!OWN.has(name.toLowerCase())) headers.push(name, value);
  }
  if (chunked) headers.push("transfer-encoding", "chunked");
  return headers;
}
