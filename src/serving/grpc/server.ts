import { createServer } from "node:http2";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { Call } from "./call.ts";
import type { ReadingBudget } from "./read-messages.ts";
import { serveCall } from "./serve-call.ts";
import type { Methods } from "./serve-call.ts";
import { SlowReaders } from "./slow-readers.ts";

export interface GrpcServerOptions {
  methods: Methods;
  /** Looks at a call before it is read; true when it has answered it. */
  refuse(call: Call, path: string): boolean;
  /** Of one message; asked for at every call. */
  maxMessageBytes(): number;
  maxConnections: number;
  /** Of one connection, at once. */
  maxStreams: number;
  /** Of all requests that are being read, in bytes. */
  maxReadingBytes: number;
  /** Until a call's request has come whole. */
  readWithinMs: number;
  /** Of a connection without a frame in either direction. */
  idleMs: number;
}

export interface GrpcServer {
  readonly server: Http2Server;
  /** Takes no more calls; resolves when those under way are answered, at the latest after `withinMs`. */
  drain(withinMs: number): Promise<void>;
}

/** What a connection may send before we have taken it, and one stream of it. */
const SESSION_WINDOW = 4 * 1024 * 1024;
const STREAM_WINDOW = 1024 * 1024;
const SESSION_MEGABYTES = 64;
const MAX_HEADERS = 16 * 1024;
const TCP_KEEPALIVE_MS = 60_000;

/**
 * gRPC over HTTP/2 without TLS (grpc/grpc, doc/PROTOCOL-HTTP2.md): hands calls to their methods, and keeps every
 * connection within its bounds. Node's HTTP/2 bounds pings, settings and resets of streams by itself.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const sessions = new Set<ServerHttp2Session>();
  const slow = new SlowReaders(options.readWithinMs);
  const budget: ReadingBudget = { bytes: 0, max: options.maxReadingBytes };
  const server = createServer({
    settings: {
      maxConcurrentStreams: options.maxStreams,
      initialWindowSize: STREAM_WINDOW,
      maxHeaderListSize: MAX_HEADERS,
    },
    maxSessionMemory: SESSION_MEGABYTES,
  });
  server.maxConnections = options.maxConnections;
  server.on("connection", (socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS));
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.setLocalWindowSize(SESSION_WINDOW);
    session.setTimeout(options.idleMs, () => session.close());
    session.on("error", () => session.destroy());
    session.on("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => undefined);
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      stream.on("error", () => undefined);
      return stream.respond({ ":status": refusal }, { endStream: true });
    }
    const call = new Call(stream, headers);
    const path = String(headers[":path"]);
    if (options.refuse(call, path)) return;
    const method = options.methods.get(path);
    if (method === undefined)
      return call.fail("UNIMPLEMENTED", `this server has no method ${path.slice(0, 200)}`);
    slow.add(stream);
    const onRead = () => slow.delete(stream);
    return serveCall(stream, call, method, { maxBytes: options.maxMessageBytes(), budget, onRead });
  });
  return { server, drain: (withinMs) => drain(server, sessions, slow, withinMs) };
}

/** The status of an answer to what isn't gRPC at all. */
function httpRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[":method"] !== "POST") return 405;
  return /^application\/grpc(?:$|[+;])/.test(headers["content-type"] ?? "") ? undefined : 415;
}

async function drain(
  server: Http2Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  slow: SlowReaders,
  withinMs: number,
): Promise<void> {
  server.close();
  const closed = [...sessions].map(
    (session) =>
      new Promise<void>((resolve) => {
        session.once("close", () => resolve());
        session.close();
      }),
  );
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)));
  await Promise.race([Promise.all(closed), timeout]);
  clearTimeout(timer);
  slow.stop();
  for (const session of sessions) session.destroy();
}
