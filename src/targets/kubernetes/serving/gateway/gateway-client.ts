import { Agent, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { Agent as SecureAgent, request as httpsRequest } from "node:https";
import { joinBuffers } from "../../../../base/bytes.ts";
import { SlipwayError } from "../../../../http/errors.ts";

/** Where control finds the gateway that callers come by. */
export interface GatewayDoor {
  /** Its address in the cluster, as in `http://traefik.gateway.svc`. */
  url: URL;
  /** Host name that callers use. */
  host: string;
}

export interface GatewayRequest {
  method: "GET" | "POST";
  path: string;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface GatewayAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface GatewayClient {
  /** One request as a caller would make it. TIMEOUT or UNAVAILABLE when the gateway doesn't answer. */
  ask(asked: GatewayRequest): Promise<GatewayAnswer>;
  close(): void;
}

const MOST_BYTES = 64 * 1024 * 1024;
const MOST_CONNECTIONS = 16;

export function createGatewayClient(door: GatewayDoor): GatewayClient {
  const options = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
  const isSecure = door.url.protocol === "https:";
  // The certificate is of the name that callers use, wherever it is asked.
  const agent = isSecure ? new SecureAgent({ ...options, servername: door.host }) : new Agent(options);
  return { ask: (asked) => ask(door, agent, asked), close: () => agent.destroy() };
}

function ask({ url, host }: GatewayDoor, agent: Agent, asked: GatewayRequest): Promise<GatewayAnswer> {
  const { method, path, body, timeoutMs, signal } = asked;
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    const fail = (cause: unknown) =>
      end(() =>
        reject(
          signal.aborted
            ? (signal.reason as Error)
            : new SlipwayError("UNAVAILABLE", `the gateway at ${url.origin} can't be asked`, { cause }),
        ),
      );
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const headers = { ...asked.headers, ...length, host };
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const req = send(new URL(path, url), { method, headers, agent, signal }, (res) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      res.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if ((bytes += chunk.length) > MOST_BYTES) res.destroy(new Error(`over ${MOST_BYTES} bytes`));
      });
      res.on("error", fail);
      res.on("end", () => {
        const text = joinBuffers(chunks).toString("utf8");
        end(() => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
      });
    });
    const timer = setTimeout(() => {
      end(() => reject(new SlipwayError("TIMEOUT", `the gateway didn't answer within ${timeoutMs} ms`)));
      req.destroy();
    }, timeoutMs);
    req.on("error", fail);
    req.end(body);
  });
}
