import type { IncomingMessage } from "node:http";
import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterAccess } from "./kubeconfig.ts";
import { messageTo, unreachable } from "./transport.ts";
import type { ApiRequest, TransportDeps } from "./transport.ts";

export interface StreamRequest extends ApiRequest {
  /** Ends the answer at any time. */
  signal: AbortSignal;
  /** Milliseconds without a byte after which the answer counts as lost. */
  quietMs: number;
}

/** An answer that comes bit by bit; whoever stops iterating ends it. */
export interface OpenedStream {
  status: number;
  body: AsyncIterable<Uint8Array>;
}

/** Opens one answer that may go on for long: a watch, a log that is followed. CLUSTER_UNREACHABLE when none began. */
export type OpenStream = (request: StreamRequest) => Promise<OpenedStream>;

/** A dead peer is noticed by the system's own probes of the connection: the first after this, then one a second. */
const PROBE_MS = 15_000;

/** Streams of one API server, each on a connection of its own; nothing is tried again here. */
export function connectStreams(
  access: ClusterAccess,
  { credentials }: Pick<TransportDeps, "credentials">,
): OpenStream {
  const open = async (request: StreamRequest, isLast: boolean): Promise<OpenedStream> => {
    const response = await begin(access, await credentials.proof(), request);
    const status = response.statusCode ?? 0;
    if (status !== 401 || isLast || !credentials.forget()) return { status, body: response };
    response.destroy();
    return open(request, true);
  };
  return (request) => open(request, false);
}

function begin(
  access: ClusterAccess,
  proof: Parameters<typeof messageTo>[1],
  request: StreamRequest,
): Promise<IncomingMessage> {
  const { url, payload, send, options } = messageTo(access, proof, request);
  return new Promise((resolve, reject) => {
    const sent = send(url, { ...options, agent: false, timeout: request.quietMs }, resolve);
    sent.on("socket", (socket) => socket.setKeepAlive(true, PROBE_MS));
    sent.on("timeout", () =>
      sent.destroy(Object.assign(new Error("nothing came in time"), { code: "ETIMEDOUT" })),
    );
    sent.on("error", (error) => {
      if (request.signal.aborted || error instanceof SlipwayError) reject(error);
      else reject(unreachable(access, error));
    });
    sent.end(payload);
  });
}
