import type { Server as HttpServer } from "node:http";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { SlipwayError } from "../../http/errors.ts";
import { proxyLine } from "../../http/peer.ts";
import { originForm } from "../../http/request-target.ts";
import { takeFirstLine } from "./first-line.ts";
import { MAX_TUNNEL_LINE, readTunnelLine, tunnelLine } from "./tunnel-line.ts";
import { dial } from "./upstream.ts";

/** Who takes connections now: this process, by its own socket, or another one. */
export type GateTarget = { path: string } | { host: string; port: number };

export interface GateOptions {
  /** Shown by those who hand on connections, and to those they are handed on to. */
  token: string;
  tokenSha256: string;
  /** Answers `/health`, `/ready` and `/metrics` of this process, whoever leads. */
  probes: HttpServer;
  /** undefined: nobody leads. */
  target(): GateTarget | undefined;
  maxConnections: number;
  /** Until the first line is complete. */
  firstLineMs: number;
  /** For which a connection waits for somebody who leads. */
  patienceMs: number;
  /** Without a byte in either direction. */
  idleMs: number;
}

export interface Gate {
  server: Server;
  /** Connections that wait for somebody who leads, or for the first word of another process that they are handed on to. */
  readonly waiting: number;
  /** Connections that are handed on to another process, which has answered. */
  readonly tunnels: number;
  close(): void;
}

/** What a connection turned out to be. `skip`: bytes of the line that was for this process alone. */
type Goal =
  | { kind: "probe" }
  | { kind: "refused" }
  | { kind: "control"; isTrusted: boolean; hops: number; skip: number };

/** A connection goes through so many control processes at most: two that take each other for the leader would go round. */
const MAX_HOPS = 2;
const MAX_LINE = 8 * 1024;
/** Between two looks for somebody who leads. */
const LOOK_EVERY_MS = 100;

/**
 * Where control listens in a cluster: takes any connection, and hands its bytes on to the one process that leads, be it
 * this one. What connections say about their callers is believed of our own processes only.
 */
export function createGate(options: GateOptions): Gate {
  const open = new Set<Socket>();
  const counts = { waiting: 0, tunnels: 0 };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    const decide = (start: Buffer) => goalOf(start, options.tokenSha256);
    takeFirstLine<Goal>(socket, options.firstLineMs, decide, (goal) => {
      if (goal.kind === "refused") return socket.destroy();
      if (goal.kind === "control") return void handOn(socket, goal, options, counts);
      options.probes.emit("connection", socket);
      return socket.resume();
    });
  });
  server.maxConnections = options.maxConnections;
  return {
    server,
    get waiting() {
      return counts.waiting;
    },
    get tunnels() {
      return counts.tunnels;
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function goalOf(start: Buffer, tokenSha256: string): Goal | undefined {
  const end = start.indexOf(10);
  if (end === -1 && start.length < MAX_TUNNEL_LINE) return undefined;
  const tunnelled = readTunnelLine(start, tokenSha256);
  if (tunnelled === "refused") return { kind: "refused" };
  if (tunnelled !== undefined)
    return { kind: "control", isTrusted: true, hops: tunnelled.hops, skip: tunnelled.length };
  if (end === -1 && start.length < MAX_LINE) return undefined;
  const [method, path = ""] = start.toString("latin1", 0, Math.max(end, 0)).split(" ");
  const isProbe = method === "GET" && /^\/(?:health|ready|metrics)$/.test(originForm(path));
  return isProbe ? { kind: "probe" } : { kind: "control", isTrusted: false, hops: 0, skip: 0 };
}

interface Counts {
  waiting: number;
  tunnels: number;
}

type Handed = Extract<Goal, { kind: "control" }>;

/** Waits for somebody who leads, for as long as the caller stays and patience lasts. */
async function handOn(socket: Socket, goal: Handed, options: GateOptions, counts: Counts): Promise<void> {
  // Of the caller, before it may have gone.
  const line = goal.isTrusted ? "" : proxyLine(socket);
  if (goal.skip > 0) socket.read(goal.skip);
  const until = performance.now() + options.patienceMs;
  counts.waiting += 1;
  try {
    while (!socket.destroyed && performance.now() < until) {
      const found = options.target();
      const isOwn = found !== undefined && "path" in found;
      const upstream =
        found !== undefined && (isOwn || goal.hops < MAX_HOPS) ? await reach(found) : undefined;
      if (upstream !== undefined) {
        upstream.write(isOwn ? line : tunnelLine(options.token, goal.hops + 1) + line);
        return join(socket, upstream, options.idleMs, isOwn ? undefined : counts);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } finally {
    counts.waiting -= 1;
  }
  return sendNobody(socket);
}

function reach(target: GateTarget): Promise<Socket | undefined> {
  const upstream = "path" in target ? target : { at: [target] };
  return new Promise((resolve) => {
    dial(upstream, (_error, socket) => resolve(socket));
  });
}

/** Both directions, with back-pressure and half-close. */
function join(socket: Socket, upstream: Socket, idleMs: number, counts?: Counts): void {
  if (counts !== undefined) count(upstream, counts);
  upstream.on("error", () => upstream.destroy());
  upstream.once("close", () => socket.destroySoon());
  if (socket.destroyed) return void upstream.destroy();
  socket.once("close", () => upstream.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.pipe(upstream);
  upstream.pipe(socket);
}

function count(upstream: Socket, counts: Counts): void {
  let isAnswered = false;
  counts.waiting += 1;
  upstream.once("data", () => {
    isAnswered = true;
    counts.waiting -= 1;
    counts.tunnels += 1;
  });
  upstream.once("close", () => {
    if (isAnswered) counts.tunnels -= 1;
    else counts.waiting -= 1;
  });
}

function sendNobody(socket: Socket): void {
  if (socket.destroyed) return;
  const error = new SlipwayError("UNAVAILABLE", "no control process leads now; predictions go on");
  const body = JSON.stringify({ error: error.toJSON() });
  socket.end(
    `HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `retry-after: 2\r\nconnection: close\r\n\r\n${body}`,
  );
  // What the caller still sends goes by, so that it reads the answer.
  socket.resume();
  socket.setTimeout(2_000, () => socket.destroy());
}
