import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { ListenOptions, Server, Socket } from "node:net";
import { bytesOf } from "../../base/bytes.ts";
import { isDigestOf } from "../../http/credentials.ts";
import { FRAME_KIND, FrameReader, NO_RUN, decodeRequest, encodeAnswers } from "../frames.ts";
import type { Answer, RequestFrame, RunTiming } from "../frames.ts";
import { errorBody } from "../protocol/bad-input.ts";
import { Batcher } from "./batcher.ts";
import type { Job } from "./batcher.ts";
import type { WorkerConfig, WorkerMetadata } from "./config.ts";
import type { Model } from "./model.ts";
import type { InferenceKind } from "./wire-format.ts";

const DEFAULT_BATCH_ROWS = 256;
/** Of requests that wait; while there are more, nothing is read from the sockets. */
const WAITING_BYTES = 64 * 1024 * 1024;
/** Of answers that a connection hasn't taken; while there are more, no requests of it are read. */
const UNREAD_BYTES = 16 * 1024 * 1024;
/** Over TCP: of a frame before the peer has shown its token, and how long that may take. */
const STRANGER_BYTES = 517;
const STRANGER_MS = 5_000;
const MAX_CONNECTIONS = 256;

export interface WorkerServer {
  /** Connections at this moment. */
  readonly connections: number;
  /** Answers what has come, then closes every connection. */
  close(): Promise<void>;
}

export interface WorkerServerOptions {
  model: Model;
  config: WorkerConfig;
  metadata: WorkerMetadata;
  /** True when requests may be joined along the rows. */
  joins: boolean;
  /** A connection came or went. */
  onConnections?(): void;
}

/** Listens on the worker's socket, or port, and answers frames from the model. Resolves when it can be reached. */
export async function startWorkerServer(options: WorkerServerOptions): Promise<WorkerServer> {
  const { model, config, joins, onConnections } = options;
  const links = new Set<Link>();
  const batcher = new Batcher({
    model,
    service: config.service,
    version: config.version,
    maxBatchRows: config.maxBatchRows ?? DEFAULT_BATCH_ROWS,
    joins,
    onAnswered() {
      for (const link of links) link.flush();
    },
  });
  const metadata = JSON.stringify(options.metadata);
  const server = createServer((socket) => {
    const link = new Link(socket, batcher, metadata, config);
    links.add(link);
    socket.on("close", () => {
      links.delete(link);
      onConnections?.();
    });
    onConnections?.();
  });
  if (config.port === undefined) {
    // Left by a worker that was killed.
    await rm(config.socketPath, { force: true });
    await listen(server, { path: config.socketPath });
  } else {
    server.maxConnections = MAX_CONNECTIONS;
    await listen(server, { host: config.port.host, port: config.port.port });
  }
  return {
    get connections() {
      return links.size;
    },
    async close() {
      server.close();
      // What has already arrived is read in this turn.
      await new Promise<void>((resolve) => setImmediate(resolve));
      await batcher.idle();
      await Promise.all([...links].map((link) => link.end()));
    },
  };
}

function listen(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** One router's connection. Answers of one run leave in one write. */
class Link {
  readonly #socket: Socket;
  readonly #batcher: Batcher;
  readonly #metadata: string;
  readonly #reader: FrameReader;
  readonly #maxFrameBytes: number;
  readonly #jobs = new Map<number, Job>();
  #answers: Answer[] = [];
  /** Of the token that must come first; undefined when it has come, or when none is asked for. */
  #wantedSha256: string | undefined;

  constructor(
    socket: Socket,
    batcher: Batcher,
    metadata: string,
    { maxFrameBytes, port }: Pick<WorkerConfig, "maxFrameBytes" | "port">,
  ) {
    this.#socket = socket;
    this.#batcher = batcher;
    this.#metadata = metadata;
    this.#maxFrameBytes = maxFrameBytes;
    this.#wantedSha256 = port?.tokenSha256;
    this.#reader = new FrameReader(port === undefined ? maxFrameBytes : STRANGER_BYTES);
    if (port !== undefined) this.#awaitToken();
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("drain", () => this.flush());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      for (const job of this.#jobs.values()) job.cancelled = true;
    });
  }

  /** Sends what was answered, and reads on once there is room. */
  flush(): void {
    if (this.#answers.length > 0) {
      this.#socket.write(bytesOf(encodeAnswers(this.#answers)));
      this.#answers = [];
    }
    if (this.#socket.isPaused() && !this.#isFull()) this.#socket.resume();
  }

  /** Closes once the last answer has left; a peer that doesn't read is cut off after a second. */
  end(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once("close", () => resolve());
      setTimeout(() => this.#socket.destroy(), 1_000).unref();
      this.#socket.destroySoon();
    });
  }

  #isFull(): boolean {
    return this.#batcher.waitingBytes > WAITING_BYTES || this.#socket.writableLength > UNREAD_BYTES;
  }

  #read(chunk: Buffer): void {
    try {
      const now = performance.now();
      for (const frame of this.#reader.push(chunk)) this.#take(decodeRequest(frame), now);
    } catch {
      // A stream that isn't frames can't be read on.
      this.#socket.destroy();
    }
    if (this.#isFull()) this.#socket.pause();
  }

  #awaitToken(): void {
    this.#socket.setNoDelay(true);
    const timer = setTimeout(() => {
      if (this.#wantedSha256 !== undefined) this.#socket.destroy();
    }, STRANGER_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #identify({ kind, body }: RequestFrame, wanted: string): void {
    if (kind !== FRAME_KIND.token || !isDigestOf(body.toString("utf8"), wanted))
      throw new Error("the token is missing or wrong");
    this.#wantedSha256 = undefined;
    this.#reader.allow(this.#maxFrameBytes);
  }

  #take(frame: RequestFrame, now: number): void {
    if (this.#wantedSha256 !== undefined) return this.#identify(frame, this.#wantedSha256);
    const { id, kind, body } = frame;
    switch (kind) {
      case FRAME_KIND.v1:
      case FRAME_KIND.v2:
      case FRAME_KIND.v2Binary:
      case FRAME_KIND.invocations: {
        const job = new LinkJob(this, id, kind, body, now);
        this.#jobs.set(id, job);
        return this.#batcher.add(job);
      }
      case FRAME_KIND.metadata:
        this.answer(id, 200, "", this.#metadata, false);
        return this.flush();
      case FRAME_KIND.cancel: {
        const job = this.#jobs.get(id);
        if (job) job.cancelled = true;
        return undefined;
      }
      default:
        this.answer(id, 501, "", errorBody(`frames of kind ${String(kind)} aren't known`), false);
        return this.flush();
    }
  }

  answer(
    id: number,
    status: number,
    prediction: string,
    body: string | Buffer,
    isBinary: boolean,
    timing: RunTiming = NO_RUN,
  ): void {
    this.#jobs.delete(id);
    if (!this.#socket.destroyed) this.#answers.push({ id, status, prediction, isBinary, body, timing });
  }
}

class LinkJob implements Job {
  cancelled = false;
  readonly timing: RunTiming = { queuedMicros: 0, computeMicros: 0, batch: 0, isFirst: false };
  readonly kind: InferenceKind;
  readonly body: Buffer;
  readonly arrivedAt: number;
  readonly #link: Link;
  readonly #id: number;

  constructor(link: Link, id: number, kind: InferenceKind, body: Buffer, now: number) {
    this.arrivedAt = now;
    this.#link = link;
    this.#id = id;
    this.kind = kind;
    this.body = body;
  }

  answer(status: number, prediction: string, body: string | Buffer, isBinary: boolean): void {
    this.#link.answer(this.#id, status, prediction, body, isBinary, this.timing);
  }
}
