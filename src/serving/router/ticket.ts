import type { AnswerFrame, FrameKind } from "../frames.ts";
import type { Sent, WorkerConnection } from "./worker-connection.ts";

export type PoolAnswer = AnswerFrame | "lost";

/** A request under way; `cancel` when nobody waits for it any more. */
export interface PoolRequest {
  cancel(): void;
}

interface TicketOwner {
  answered(ticket: Ticket, answer: AnswerFrame): void;
  settled(ticket: Ticket): void;
}

/** One request of a variant, from its coming to its answer. It may be with two workers when one of them is silent. */
export class Ticket implements Sent, PoolRequest {
  readonly kind: FrameKind;
  readonly body: Buffer;
  readonly timeoutMs: number;
  /** Workers that it was given to. */
  attempts = 0;
  isDone = false;
  /** Milliseconds that it stood in line before a worker got it. */
  waitedMs = 0;
  /** It stands in line for a worker. */
  isWaiting = false;
  readonly #owner: TicketOwner;
  readonly #done: (answer: PoolAnswer) => void;
  readonly #cameAt: number;
  #connection: WorkerConnection | undefined;
  #id = 0;
  #second: { connection: WorkerConnection; id: number } | undefined;

  constructor(
    owner: TicketOwner,
    kind: FrameKind,
    body: Buffer,
    timeoutMs: number,
    now: number,
    done: (answer: PoolAnswer) => void,
  ) {
    this.#cameAt = now;
    this.#owner = owner;
    this.kind = kind;
    this.body = body;
    this.timeoutMs = timeoutMs;
    this.#done = done;
  }

  /** True while a worker that can answer it has it. */
  get isSent(): boolean {
    return this.#connection?.isOpen === true || this.#second?.connection.isOpen === true;
  }

  sendTo(connection: WorkerConnection, now: number): void {
    this.attempts += 1;
    this.waitedMs = now - this.#cameAt;
    const id = connection.send(this, now);
    if (this.#connection?.isOpen === true) this.#second = { connection, id };
    else {
      this.#connection = connection;
      this.#id = id;
    }
  }

  answered(answer: AnswerFrame, by: WorkerConnection): void {
    if (this.isDone) return;
    // The other one needn't work on it any more.
    if (this.#second !== undefined) {
      const { connection, id } = this.#second;
      if (connection === by) this.#connection?.cancel(this.#id);
      else connection.cancel(id);
    }
    this.#owner.answered(this, answer);
    this.finish(answer);
  }

  finish(answer: PoolAnswer): void {
    if (this.isDone) return;
    this.#settle();
    this.#done(answer);
  }

  cancel(): void {
    if (this.isDone) return;
    this.#settle();
    this.#connection?.cancel(this.#id);
    this.#second?.connection.cancel(this.#second.id);
  }

  #settle(): void {
    this.isDone = true;
    this.#owner.settled(this);
  }
}
