import type { Server as HttpServer } from "node:http";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { proxyLine } from "../../http/peer.ts";
import { takeFirstLine } from "./first-line.ts";
import { RequestTracker } from "./request-tracker.ts";
import { sniff } from "./sniff.ts";
import { dial } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

export interface FrontOptions {
  /** Answers predictions, and single requests for control on a connection that began with predictions. */
  http: HttpServer;
  control: Upstream;
  maxConnections: number;
  /** Of those, how many may be with control: a stalled control must leave room for predictions. */
  maxPiped: number;
  /** Until the first request's line is complete. */
  firstLineMs: number;
  /** Without a byte in either direction. A push that waits for training sends a keep-alive every few seconds. */
  idleMs: number;
}

export interface Front {
  server: Server;
  /** Connections that ask for predictions. */
  readonly predicting: number;
  /**
   * Ends the connections with control, each when it has been quiet behind an answer. Resolves when none is left, or after
   * `withinMs`; whoever streams longer than that is cut off by `close`.
   */
  drainPiped(withinMs: number): Promise<void>;
  close(): void;
}

/** A connection with control. */
interface Pipe {
  /** All that was asked is answered, and nothing has come from control for so long. */
  isQuiet(forMs: number): boolean;
  end(): void;
}

/** Parts of one answer seldom come further apart than the first; in the second half of the time the other is enough. */
const QUIET_MS = 1_000;
const HURRIED_QUIET_MS = 50;
const SWEEP_MS = 20;

/** What takes connections that ask for predictions. */
interface Taker {
  emit(event: "connection", socket: Socket): void;
}

/**
 * The public address. A connection's first request decides: predictions are answered in this process, all
 * else flows as bytes to control and back, so that a large push costs this process no parsing. A connection
 * that turns to predictions later comes over to this process, and stays.
 */
export function createFront(options: FrontOptions): Front {
  const open = new Set<Socket>();
  const predicting = new Set<Socket>();
  const http = {
    emit(_event: "connection", socket: Socket) {
      predicting.add(socket);
      socket.once("close", () => predicting.delete(socket));
      options.http.emit("connection", socket);
    },
  };
  const pipes = new Set<Pipe>();
  let piped = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    takeFirstLine(socket, options.firstLineMs, sniff, (goal) => {
      if (goal === "predictions" || piped >= options.maxPiped) return toHttp(socket, http);
      piped += 1;
      return pipeToControl(socket, { ...options, http, pipes }, () => (piped -= 1));
    });
  });
  server.maxConnections = options.maxConnections;
  return {
    server,
    get predicting() {
      return predicting.size;
    },
    async drainPiped(withinMs) {
      const from = performance.now();
      for (let past = 0; pipes.size > 0 && past < withinMs; past = performance.now() - from) {
        for (const pipe of pipes)
          if (pipe.isQuiet(past * 2 < withinMs ? QUIET_MS : HURRIED_QUIET_MS)) pipe.end();
        await new Promise((resolve) => setTimeout(resolve, SWEEP_MS));
      }
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function toHttp(socket: Socket, http: Taker): void {
  http.emit("connection", socket);
  socket.resume();
}

function pipeToControl(
  socket: Socket,
  options: Pick<FrontOptions, "control" | "idleMs"> & { http: Taker; pipes: Set<Pipe> },
  onEnd: () => void,
): void {
  let isOver = false;
  const over = (act: () => void) => {
    if (isOver) return;
    isOver = true;
    onEnd();
    act();
  };
  const toPredictions = () => {
    socket.removeAllListeners("timeout");
    socket.setTimeout(0);
    toHttp(socket, options.http);
  };
  const giveUp = dial(options.control, (error, control) => {
    socket.off("close", onGone);
    // Not reachable: the HTTP side answers this request with 503, and later ones as they come.
    if (error !== undefined || control === undefined)
      return over(() => (socket.destroyed ? undefined : toPredictions()));
    control.once("error", () => over(() => socket.destroy()));
    control.once("close", () => over(() => socket.destroySoon()));
    socket.once("close", () => over(() => control.destroy()));
    socket.setTimeout(options.idleMs, () => socket.destroy());
    control.write(proxyLine(socket));
    const { stop, isQuiet } = forwardBytes(socket, control, () =>
      over(() => {
        stop();
        control.destroy();
        toPredictions();
      }),
    );
    const pipe: Pipe = { isQuiet, end: () => socket.destroySoon() };
    options.pipes.add(pipe);
    control.once("close", () => options.pipes.delete(pipe));
    return undefined;
  });
  const onGone = () => over(giveUp);
  socket.once("close", onGone);
}

/**
 * Both directions, with back-pressure and half-close, until the caller turns to predictions: `onPrediction` is
 * called then, the first bytes of that request back in the socket. Answers how to let go of the socket, and whether
 * anything is under way.
 */
function forwardBytes(
  socket: Socket,
  control: Socket,
  onPrediction: () => void,
): { stop: () => void; isQuiet: Pipe["isQuiet"] } {
  const tracker = new RequestTracker();
  let heardAt = performance.now();
  const onData = (chunk: Buffer) => {
    if (tracker.feed(chunk)) {
      socket.pause();
      socket.unshift(chunk as unknown as Uint8Array);
      return onPrediction();
    }
    if (!control.write(chunk as unknown as Uint8Array)) socket.pause();
    return undefined;
  };
  const onEnd = () => control.end();
  const onDrain = () => socket.resume();
  socket.on("data", onData);
  socket.on("end", onEnd);
  control.on("drain", onDrain);
  const onAnswer = () => {
    heardAt = performance.now();
    tracker.answered();
  };
  control.on("data", onAnswer);
  control.pipe(socket);
  socket.resume();
  return {
    stop() {
      socket.off("data", onData);
      socket.off("end", onEnd);
      control.off("drain", onDrain);
      control.off("data", onAnswer);
      control.unpipe(socket);
    },
    isQuiet: (forMs) => tracker.isAnswered && performance.now() - heardAt >= forMs,
  };
}
