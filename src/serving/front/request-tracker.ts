import { sniff } from "./sniff.ts";

const MAX_HEAD = 32 * 1024;
const END_OF_HEAD = "\r\n\r\n";

/**
 * Follows where requests begin in the bytes that a caller sends towards control, without parsing more than
 * their heads. A caller that keeps its connection and turns to predictions must not have to wait for control:
 * `feed` says so when a chunk begins with such a request and every request before it has been answered.
 */
export class RequestTracker {
  #state: "head" | "body" | "opaque" = "head";
  #head = "";
  #bodyLeft = 0;
  #isAnswered = false;

  /** Control has sent something. */
  answered(): void {
    this.#isAnswered = true;
  }

  /** Control has begun to answer all that was asked: where an answer ends isn't known here. */
  get isAnswered(): boolean {
    return this.#state === "head" && this.#head === "" && this.#isAnswered;
  }

  /** True when this chunk begins a request for predictions; it isn't followed then. */
  feed(chunk: Buffer): boolean {
    if (this.isAnswered && sniff(chunk) === "predictions") return true;
    for (let offset = 0; offset < chunk.length && this.#state !== "opaque";)
      offset = this.#state === "body" ? this.#skipBody(chunk, offset) : this.#readHead(chunk, offset);
    return false;
  }

  #skipBody(chunk: Buffer, offset: number): number {
    const taken = Math.min(this.#bodyLeft, chunk.length - offset);
    this.#bodyLeft -= taken;
    if (this.#bodyLeft === 0) this.#endRequest();
    return offset + taken;
  }

  #readHead(chunk: Buffer, offset: number): number {
    const before = this.#head.length;
    const text = this.#head + chunk.toString("latin1", offset, Math.min(chunk.length, offset + MAX_HEAD));
    const end = text.indexOf(END_OF_HEAD);
    if (end === -1) {
      this.#head = text;
      if (text.length > MAX_HEAD) this.#state = "opaque";
      return chunk.length;
    }
    this.#head = "";
    this.#beginBody(text.slice(0, end + 2));
    return offset + end + END_OF_HEAD.length - before;
  }

  #beginBody(head: string): void {
    this.#isAnswered = false;
    // Where a chunked body or another protocol ends can't be told from the head: such a connection stays control's.
    if (/\r\n(?:transfer-encoding|upgrade)[ \t]*:/i.test(head) || head.startsWith("CONNECT ")) {
      this.#state = "opaque";
      return;
    }
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(head);
    this.#bodyLeft = length === null ? 0 : Number(length[1]);
    this.#state = "body";
    if (this.#bodyLeft === 0) this.#endRequest();
  }

  #endRequest(): void {
    this.#state = "head";
    this.#isAnswered = false;
  }
}
