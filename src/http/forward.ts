import { request, Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { SlipwayError } from "./errors.ts";

/** Headers that belong to one connection and aren't passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Passes requests on to an HTTP server on a Unix socket, body and answer as streams. Refused with
 * UNAVAILABLE when nobody listens there. Used where a connection carries requests for both processes.
 */
export function createForwarder(
  socketPath: string,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 });
  return (incoming, outgoing) =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(
        Object.entries(incoming.headers).filter(([name]) => !HOP_BY_HOP.has(name)),
      );
      const upstream = request(
        { socketPath, agent, method: incoming.method, path: incoming.url, headers },
        (answer) => {
          const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
          outgoing.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
          answer.pipe(outgoing);
          answer.on("end", resolve);
          answer.on("error", reject);
        },
      );
      upstream.on("error", (cause) => {
        if (outgoing.headersSent) outgoing.destroy();
        reject(
          new SlipwayError("UNAVAILABLE", "the other process of the platform doesn't answer", { cause }),
        );
      });
      outgoing.on("close", () => {
        if (!outgoing.writableFinished) upstream.destroy();
        resolve();
      });
      incoming.pipe(upstream);
    });
}
