import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { bytesOf } from "../base/bytes.ts";
import { AnswerReader } from "./answer-reader.ts";
import type { AnswerHead } from "./answer-reader.ts";

export interface LoadTarget {
  host: string;
  port: number;
  isTls: boolean;
}

interface ConnectionEvents {
  answered(connection: Connection, head: AnswerHead): void;
  /** It can't be used any more. */
  closed(connection: Connection, reason: string): void;
}

/** One kept connection to the server, with at most one request under way. A bare socket costs a third of node:http. */
export class Connection {
  /** When its request was due; undefined: none is under way. */
  due: number | undefined;
  /** Its request counts. */
  isMeasured = false;
  #reason = "closed by the server";
  readonly #socket: Socket;

  constructor({ host, port, isTls }: LoadTarget, events: ConnectionEvents) {
    this.#socket = isTls ? connectTls({ host, port, servername: host }) : connect(port, host);
    this.#socket.setNoDelay(true);
    const reader = new AnswerReader();
    this.#socket.on("data", (bytes: Buffer) => {
      try {
        const head = reader.push(bytes);
        if (head === undefined) return;
        if (head.closes) this.#socket.destroy();
        events.answered(this, head);
      } catch (error) {
        this.close((error as Error).message);
      }
    });
    this.#socket.on("error", (error: NodeJS.ErrnoException) => (this.#reason = error.code ?? error.message));
    this.#socket.on("close", () => events.closed(this, this.#reason));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  send(request: Buffer, due: number, isMeasured: boolean): void {
    this.due = due;
    this.isMeasured = isMeasured;
    this.#socket.write(bytesOf(request));
  }

  close(reason: string): void {
    this.#reason = reason;
    this.#socket.destroy();
  }
}
