import { Agent } from "node:http";
import type { AgentOptions } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** Where bytes are handed on to. */
export type Upstream =
  | { path: string }
  | {
      /** Any of these will do; one after the other is tried. */
      at: readonly { host: string; port: number }[];
      /** Goes first over every connection. */
      hello?: string;
      /** For which a process that isn't there is waited for; default 0. */
      patienceMs?: number;
    };

const CONNECT_MS = 2_000;
const AGAIN_MS = 100;

/**
 * Connects. Calls `done` once; what it answers gives the attempt up, and `done` is never called then.
 * @param isHalfOpen a connection whose other end has nothing more to say is left open; for bytes that are handed on
 */
export function dial(
  upstream: Upstream,
  done: (error: Error | undefined, socket?: Socket) => void,
  isHalfOpen = true,
): () => void {
  const until = performance.now() + ("path" in upstream ? 0 : (upstream.patienceMs ?? 0));
  const places = "path" in upstream ? 1 : upstream.at.length;
  let attempts = 0;
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const attempt = () => {
    const own = connectTo(upstream, attempts, isHalfOpen);
    attempts += 1;
    socket = own;
    const late = setTimeout(() => own.destroy(new Error("nobody answered")), CONNECT_MS);
    own.once("connect", () => {
      clearTimeout(late);
      own.off("error", onError);
      if (!("path" in upstream) && upstream.hello) own.write(upstream.hello);
      done(undefined, own);
    });
    const onError = (error: Error) => {
      clearTimeout(late);
      if (attempts < places) return attempt();
      if (performance.now() + AGAIN_MS >= until) return done(error);
      timer = setTimeout(attempt, AGAIN_MS);
      return undefined;
    };
    own.once("error", onError);
  };
  attempt();
  return () => {
    clearTimeout(timer);
    socket?.removeAllListeners("connect");
    socket?.on("error", () => undefined);
    socket?.destroy();
  };
}

function connectTo(upstream: Upstream, attempt: number, allowHalfOpen: boolean): Socket {
  if ("path" in upstream) return connect({ path: upstream.path, allowHalfOpen });
  const { host = "", port = 0 } = upstream.at[attempt % upstream.at.length] ?? {};
  return connect({ host, port, allowHalfOpen, noDelay: true, keepAlive: true });
}

/** Keeps connections to an upstream for requests, one after the other. */
export function upstreamAgent(upstream: Upstream, options: AgentOptions): Agent {
  const agent = new Agent(options);
  const createConnection = (
    _options: unknown,
    created: (error: Error | null, socket?: Socket) => void,
  ): undefined => {
    // One that the other end has left must not be taken for a free one.
    dial(upstream, (error, socket) => created(error ?? null, socket), false);
  };
  return Object.assign(agent, { createConnection });
}
