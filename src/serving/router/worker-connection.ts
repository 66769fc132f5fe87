import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import type { VariantSpec } from "../backend.ts";
import { FRAME_KIND, FrameReader, decodeAnswer } from "../frames.ts";
import type { AnswerFrame, FrameKind } from "../frames.ts";
import type { WorkerMetadata } from "../worker-arguments.ts";
import { FrameWriter } from "./frame-writer.ts";

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const HELLO_WITHIN_MS = 5_000;
/** A pod's node that went without a word is noticed while nothing is asked of it. */
const KEEP_ALIVE_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/** Where a worker takes frames: a Unix socket of this machine, or a port of a pod that asks for a token. */
export type WorkerAddress = string | { host: string; port: number; token: string };

/** How a pod, named "host:port", is reached. */
export type EndpointAddress = (endpoint: string, spec: VariantSpec) => WorkerAddress;

/** One request on its way to a worker. */
export interface Sent {
  readonly kind: FrameKind;
  readonly body: Buffer;
  /** Milliseconds that its caller waits. */
  readonly timeoutMs: number;
  answered(answer: AnswerFrame, by: WorkerConnection): void;
}

interface Pending {
  /** undefined once nobody waits for the answer. */
  sent: Sent | undefined;
  timeoutMs: number;
  at: number;
}

export interface Unanswered {
  sent: Sent[];
  /** When the oldest of all was sent, those that nobody waits for included; undefined: there was none. */
  oldestAt: number | undefined;
}

interface ConnectionEvents {
  closed(unanswered: Unanswered): void;
  /** Answers came. */
  answered?(): void;
}

/** The pipelined connection to one worker. */
export class WorkerConnection {
  readonly #socket: Socket;
  readonly #outgoing: FrameWriter;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #metadata: WorkerMetadata | undefined;
  #nextId = 1;
  #heardAt = 0;
  #longestSilence: number | undefined;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#outgoing = new FrameWriter(socket);
    this.#clock = clock;
  }

  /** Connects and asks what the model takes and gives. */
  static open(address: WorkerAddress, clock: Clock, events: ConnectionEvents): Promise<WorkerConnection> {
    return new Promise((resolve, reject) => {
      const socket = socketTo(address);
      const connection = new WorkerConnection(socket, clock);
      const timer = setTimeout(() => socket.destroy(new Error("the worker doesn't answer")), HELLO_WITHIN_MS);
      let failure = new Error("the worker closed the connection");
      if (typeof address !== "string") connection.#show(address.token);
      connection.#hello(() => {
        clearTimeout(timer);
        resolve(connection);
      });
      const reader = new FrameReader(MAX_ANSWER_BYTES);
      socket.on("data", (chunk: Buffer) => {
        try {
          for (const frame of reader.push(chunk)) connection.#settle(decodeAnswer(frame));
        } catch (error) {
          socket.destroy(error as Error);
        }
        events.answered?.();
      });
      socket.on("error", (error) => (failure = error));
      socket.on("close", () => {
        clearTimeout(timer);
        if (connection.#metadata === undefined) return reject(failure);
        const oldestAt = connection.#oldest()?.at;
        const sent = [...connection.#pending.values()].flatMap((entry) => entry.sent ?? []);
        connection.#pending.clear();
        return events.closed({ sent, oldestAt });
      });
    });
  }

  /** What the model takes and gives. */
  get metadata(): WorkerMetadata {
    return this.#metadata as WorkerMetadata;
  }

  /** Requests that the worker hasn't answered, those that nobody waits for included. */
  get load(): number {
    return this.#pending.size;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** When the oldest request that it hasn't answered was sent, in milliseconds; undefined: it has answered all. */
  get oldestAt(): number | undefined {
    return this.#oldest()?.at;
  }

  /** Milliseconds for which it has said nothing although something is to be said; 0 otherwise. */
  silence(now: number): number {
    const oldest = this.#oldest();
    return oldest === undefined ? 0 : Math.max(0, now - Math.max(oldest.at, this.#heardAt));
  }

  /** Its silence until now wasn't its fault. */
  excuse(now: number): void {
    this.#heardAt = now;
  }

  /** The longest silence that ended with an answer; undefined before the first. */
  get longestSilence(): number | undefined {
    return this.#longestSilence;
  }

  /** How long the caller of its oldest request waits, milliseconds. */
  get patience(): number {
    return this.#oldest()?.timeoutMs ?? 0;
  }

  /** Requests that somebody waits for. */
  waitedFor(): Sent[] {
    return [...this.#pending.values()].flatMap((entry) => entry.sent ?? []);
  }

  /** Sends a request; answers its id. */
  send(sent: Sent, now: number): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    this.#pending.set(id, { sent, at: now, timeoutMs: sent.timeoutMs });
    this.#outgoing.add(id, sent.kind, sent.body, this.#pending.size === 1);
    return id;
  }

  /** Nobody waits for this answer any more; it still counts as load until the worker has said so. */
  cancel(id: number): void {
    const entry = this.#pending.get(id);
    if (entry === undefined) return;
    entry.sent = undefined;
    this.#outgoing.add(id, FRAME_KIND.cancel, NOTHING);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Nothing answers it. */
  #show(token: string): void {
    this.#outgoing.add(0, FRAME_KIND.token, Buffer.from(token));
  }

  #hello(opened: () => void): void {
    const sent: Sent = {
      kind: FRAME_KIND.metadata,
      body: NOTHING,
      timeoutMs: HELLO_WITHIN_MS,
      answered: (answer) => {
        this.#metadata = JSON.parse(answer.body.toString("utf8")) as WorkerMetadata;
        this.#longestSilence = undefined;
        opened();
      },
    };
    this.#pending.set(0, { sent, at: this.#clock.now(), timeoutMs: HELLO_WITHIN_MS });
    this.#outgoing.add(0, FRAME_KIND.metadata, NOTHING);
  }

  /** The first that was sent: a map keeps that order. */
  #oldest(): Pending | undefined {
    for (const pending of this.#pending.values()) return pending;
    return undefined;
  }

  #settle(answer: AnswerFrame): void {
    const entry = this.#pending.get(answer.id);
    if (entry === undefined) return;
    const now = this.#clock.now();
    const silence = now - Math.max(entry.at, this.#heardAt);
    if (silence > (this.#longestSilence ?? -1)) this.#longestSilence = silence;
    this.#heardAt = now;
    this.#pending.delete(answer.id);
    entry.sent?.answered(answer, this);
  }
}

function socketTo(address: WorkerAddress): Socket {
  if (typeof address === "string") return connect(address);
  const { host, port } = address;
  return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
}
