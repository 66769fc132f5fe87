import { bytesOf, joinBuffers } from "../base/bytes.ts";

/**
 * What router and worker say to each other over a Unix socket: frames, pipelined, answered in any order.
 * Integers are little-endian. A body passes through as the bytes that the caller sent.
 *
 * request: u32 length of what follows · u32 id · u8 kind · body
 * answer:  u32 length of what follows · u32 id · u16 HTTP status · u16 length of the prediction · prediction
 *          (JSON array for the prediction log, at most 256 bytes, empty when there is none) · body (JSON)
 */
/** `cancel` names the id of a request whose answer nobody waits for any more; that request is still answered, once. */
export const FRAME_KIND = { v2: 1, v1: 2, metadata: 3, cancel: 4 } as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

export interface RequestFrame {
  id: number;
  kind: FrameKind;
  body: Buffer;
}

export interface AnswerFrame {
  id: number;
  status: number;
  /** "" when nothing was predicted. */
  prediction: string;
  body: Buffer;
}

const REQUEST_HEAD = 9;
const ANSWER_HEAD = 12;

/** Head of a request frame; the body is written after it as it is, so that it isn't copied. */
export function requestHead(id: number, kind: FrameKind, bodyBytes: number): Buffer {
  const head = Buffer.allocUnsafe(REQUEST_HEAD);
  head.writeUInt32LE(REQUEST_HEAD - 4 + bodyBytes, 0);
  head.writeUInt32LE(id, 4);
  head.writeUInt8(kind, 8);
  return head;
}

/** A whole answer frame. */
export function encodeAnswer(answer: AnswerFrame): Buffer {
  const predictionBytes = Buffer.byteLength(answer.prediction);
  const frame = Buffer.allocUnsafe(ANSWER_HEAD + predictionBytes + answer.body.length);
  frame.writeUInt32LE(frame.length - 4, 0);
  frame.writeUInt32LE(answer.id, 4);
  frame.writeUInt16LE(answer.status, 8);
  frame.writeUInt16LE(predictionBytes, 10);
  frame.write(answer.prediction, ANSWER_HEAD);
  answer.body.copy(bytesOf(frame), ANSWER_HEAD + predictionBytes);
  return frame;
}

export function decodeRequest(frame: Buffer): RequestFrame {
  return { id: frame.readUInt32LE(0), kind: frame.readUInt8(4) as FrameKind, body: frame.subarray(5) };
}

export function decodeAnswer(frame: Buffer): AnswerFrame {
  const bodyStart = 8 + frame.readUInt16LE(6);
  return {
    id: frame.readUInt32LE(0),
    status: frame.readUInt16LE(4),
    prediction: frame.toString("utf8", 8, bodyStart),
    body: frame.subarray(bodyStart),
  };
}

/** Cuts a stream of bytes into frames (without their length). One per connection. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #wanted = -1;

  /** @param maxBytes of one frame; a longer one is a broken peer and throws RangeError */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whole frames that this chunk completes, oldest first. They may share memory with the chunk. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      if (this.#wanted < 0) {
        if (this.#buffered < 4) return frames;
        this.#wanted = this.#take(4).readUInt32LE(0);
        if (this.#wanted > this.#maxBytes) {
          throw new RangeError(`a frame of ${this.#wanted} bytes, ${this.#maxBytes} are allowed`);
        }
      }
      if (this.#buffered < this.#wanted) return frames;
      frames.push(this.#take(this.#wanted));
      this.#wanted = -1;
    }
  }

  #take(bytes: number): Buffer {
    const [first] = this.#chunks;
    const whole = first && first.length >= bytes ? first : joinBuffers(this.#chunks);
    this.#chunks =
      whole.length > bytes
        ? [whole.subarray(bytes), ...(whole === first ? this.#chunks.slice(1) : [])]
        : whole === first
          ? this.#chunks.slice(1)
          : [];
    this.#buffered -= bytes;
    return whole.subarray(0, bytes);
  }
}
