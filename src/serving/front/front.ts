import type { Server as HttpServer } from "node:http";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { joinBuffers } from "../../base/bytes.ts";
import { sniff } from "./sniff.ts";

export interface FrontOptions {
  /** Answers predictions, and single requests for control on a connection that began with predictions. */
  http: HttpServer;
  /** The control process's socket. */
  controlSocket: string;
  maxConnections: number;
  /** Of those, how many may be with control: a stalled control must leave room for predictions. */
  maxPiped: number;
  /** Until the first request's line is complete. */
  firstLineMs: number;
  /** Without a byte in either direction. A push that waits for training sends a keep-alive every few seconds. */
  idleMs: number;
}

/**
 * The public address. A connection's first request decides: predictions are answered in this process, all
 * else flows as bytes to control and back, so that a large push costs this process no parsing.
 */
export function createFront(options: FrontOptions): { server: Server; close(): void } {
  const open = new Set<Socket>();
  let piped = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    takeFirstLine(socket, options.firstLineMs, (goal) => {
      if (goal === "predictions" || piped >= options.maxPiped) return toHttp(socket, options.http);
      piped += 1;
      return pipeToControl(socket, options, () => (piped -= 1));
    });
  });
  server.maxConnections = options.maxConnections;
  return {
    server,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function takeFirstLine(
  socket: Socket,
  withinMs: number,
  decide: (goal: "predictions" | "control") => void,
): void {
  let held: Buffer | undefined;
  const timer = setTimeout(() => socket.destroy(), withinMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", stop);
  };
  const onData = (chunk: Buffer) => {
    held = held === undefined ? chunk : joinBuffers([held, chunk]);
    const goal = sniff(held);
    if (goal === undefined) return;
    stop();
    socket.pause();
    socket.unshift(held as unknown as Uint8Array);
    decide(goal);
  };
  const onEnd = () => socket.destroy();
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", stop);
}

function toHttp(socket: Socket, http: HttpServer): void {
  http.emit("connection", socket);
  socket.resume();
}

function pipeToControl(socket: Socket, options: FrontOptions, onEnd: () => void): void {
  const control = connect({ path: options.controlSocket, allowHalfOpen: true });
  let isConnected = false;
  let isOver = false;
  const over = () => {
    if (isOver) return;
    isOver = true;
    onEnd();
  };
  control.once("connect", () => {
    isConnected = true;
    socket.pipe(control);
    control.pipe(socket);
    socket.setTimeout(options.idleMs, () => socket.destroy());
    // Bytes in one direction keep both alive: the timer is of the connection, not of a side.
    control.on("data", () => socket.setTimeout(options.idleMs));
    socket.once("close", () => control.destroy());
  });
  control.once("error", () => {
    over();
    // Not reachable: the HTTP side answers this request with 503, and later ones as they come.
    if (!isConnected && !socket.destroyed) toHttp(socket, options.http);
    else socket.destroy();
  });
  control.once("close", () => {
    over();
    if (isConnected && !socket.writableEnded) socket.destroySoon();
  });
  socket.once("close", () => {
    over();
    if (!isConnected) control.destroy();
  });
}
