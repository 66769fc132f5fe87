import { connect } from "node:net";
import type { Socket } from "node:net";
import { bytesOf } from "../../base/bytes.ts";
import { FRAME_KIND, FrameReader, decodeAnswer, requestHead } from "../frames.ts";
import type { AnswerFrame, FrameKind } from "../frames.ts";
import type { WorkerMetadata } from "../worker-arguments.ts";

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const HELLO_WITHIN_MS = 5_000;

/** One request on its way to a worker. */
export interface Sent {
  readonly kind: FrameKind;
  readonly body: Buffer;
  answered(answer: AnswerFrame): void;
}

/** By id; `sent` is undefined once nobody waits for the answer. `at`: when it was sent, milliseconds. */
type Pending = Map<number, { sent: Sent | undefined; at: number }>;

/** The pipelined connection to one worker. */
export class WorkerConnection {
  readonly metadata: WorkerMetadata;
  readonly #socket: Socket;
  readonly #pending: Pending;
  #nextId = 1;

  private constructor(socket: Socket, metadata: WorkerMetadata, pending: Pending) {
    this.#socket = socket;
    this.metadata = metadata;
    this.#pending = pending;
  }

  /** Connects and asks what the model takes and gives. `onClose` gets what was never answered. */
  static open(path: string, onClose: (unanswered: Sent[]) => void): Promise<WorkerConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const pending: Pending = new Map();
      const reader = new FrameReader(MAX_ANSWER_BYTES);
      const timer = setTimeout(() => socket.destroy(new Error("the worker doesn't answer")), HELLO_WITHIN_MS);
      let failure = new Error("the worker closed the connection");
      let opened = false;
      const hello: Sent = {
        kind: FRAME_KIND.metadata,
        body: Buffer.alloc(0),
        answered(answer) {
          clearTimeout(timer);
          opened = true;
          const metadata = JSON.parse(answer.body.toString("utf8")) as WorkerMetadata;
          resolve(new WorkerConnection(socket, metadata, pending));
        },
      };
      pending.set(0, { sent: hello, at: Date.now() });
      socket.write(bytesOf(requestHead(0, FRAME_KIND.metadata, 0)));
      socket.on("data", (chunk: Buffer) => {
        try {
          for (const frame of reader.push(chunk)) settle(pending, decodeAnswer(frame));
        } catch (error) {
          socket.destroy(error as Error);
        }
      });
      socket.on("error", (error) => (failure = error));
      socket.on("close", () => {
        clearTimeout(timer);
        const unanswered = [...pending.values()].flatMap(({ sent }) => sent ?? []);
        pending.clear();
        if (opened) onClose(unanswered);
        else reject(failure);
      });
    });
  }

  /** Requests that the worker hasn't answered, those that nobody waits for included. */
  get load(): number {
    return this.#pending.size;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Milliseconds that the oldest unanswered request has been with the worker. */
  age(now: number): number {
    const [oldest] = this.#pending.values();
    return oldest === undefined ? 0 : now - oldest.at;
  }

  /** Sends a request; answers its id. */
  send(sent: Sent, now: number): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    this.#pending.set(id, { sent, at: now });
    this.#socket.cork();
    this.#socket.write(bytesOf(requestHead(id, sent.kind, sent.body.length)));
    this.#socket.write(bytesOf(sent.body));
    this.#socket.uncork();
    return id;
  }

  /** Nobody waits for this answer any more; it still counts as load until the worker has said so. */
  cancel(id: number): void {
    const entry = this.#pending.get(id);
    if (entry === undefined) return;
    entry.sent = undefined;
    this.#socket.write(bytesOf(requestHead(id, FRAME_KIND.cancel, 0)));
  }

  close(): void {
    this.#socket.destroy();
  }
}

function settle(pending: Pending, answer: AnswerFrame): void {
  const entry = pending.get(answer.id);
  pending.delete(answer.id);
  entry?.sent?.answered(answer);
}
