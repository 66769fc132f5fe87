import { joinBuffers } from "../base/bytes.ts";

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

/** An answer that isn't a frame yet. */
export interface Answer {
  id: number;
  status: number;
  prediction: string;
  body: string;
}

/** Answer frames, one after the other, in one piece: many small writes cost more than the answers. */
export function encodeAnswers(answers: readonly Answer[]): Buffer {
  let total = 0;
  for (const { prediction, body } of answers)
    total += ANSWER_HEAD + Buffer.byteLength(prediction) + Buffer.byteLength(body);
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (const { id, status, prediction, body } of answers) {
    const predictionBytes = frames.write(prediction, at + ANSWER_HEAD);
    const bodyBytes = frames.write(body, at + ANSWER_HEAD + predictionBytes);
    const length = ANSWER_HEAD + predictionBytes + bodyBytes;
    frames.writeUInt32LE(length - 4, at);
    frames.writeUInt32LE(id, at + 4);
    frames.writeUInt16LE(status, at + 8);
    frames.writeUInt16LE(predictionBytes, at + 10);
    at += length;
  }
  return frames;
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
