import { bytesOf, joinBuffers } from "../base/bytes.ts";

/**
 * What router and worker say to each other over a Unix socket, or over TCP to a pod: frames, pipelined, answered in any
 * order.
 * Integers are little-endian. A body passes through as the bytes that the caller sent.
 *
 * request: u32 length of what follows · u32 id · u8 kind · body
 * answer:  u32 length of what follows · u32 id · u16 HTTP status, its highest bit set when the body is in v2Binary's
 *          layout · u16 length of the prediction · u32 microseconds in the worker before the model ran · u32 microseconds
 *          of the model's run · u16 requests that the run joined, its highest bit set in one answer of each run (all
 *          three 0 where no model ran) · prediction
 *          (JSON array for the prediction log, at most 256 bytes, empty when there is none) · body
 *
 * Bodies by kind:
 * v2, v1        JSON, both ways; the answer to v2 is in v2Binary's layout where raw outputs are asked for
 * v2Binary      Open Inference's binary tensor data extension: u32 length of the JSON · JSON · raw tensors, one after
 *               the other, as the `binary_data_size` parameters in the JSON say; the answer likewise (a 200 only)
 * invocations   u8 length of the media type · media type · what MLflow's scoring server takes on /invocations; the
 *               answer is JSON
 * cancel        nothing; its id is that of a request whose answer nobody waits for any more, which is still answered, once
 * token         over TCP the first frame of a connection, and of no other: the token's characters, at most 512 bytes. It
 *               isn't answered; without the right one the worker closes the connection
 *
 * An answer with a status from 400 is JSON for every kind, the error as its protocol has it: `{"error": "…"}`, of
 * invocations `{"error_code": "…", "message": "…"}`.
 */
export const FRAME_KIND = {
  v2: 1,
  v1: 2,
  metadata: 3,
  cancel: 4,
  v2Binary: 5,
  invocations: 6,
  token: 7,
} as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

export interface RequestFrame {
  id: number;
  kind: FrameKind;
  body: Buffer;
}

/** How an answer came to be: what a worker measures of each request. */
export interface RunTiming {
  /** Microseconds from its coming to the start of the run that answered it. */
  queuedMicros: number;
  /** Microseconds of that run. */
  computeMicros: number;
  /** Requests that the run joined; 0: no model ran. */
  batch: number;
  /** Of a run's answers one is its first, so that runs can be counted. */
  isFirst: boolean;
}

export const NO_RUN: RunTiming = { queuedMicros: 0, computeMicros: 0, batch: 0, isFirst: false };

export interface AnswerFrame extends RunTiming {
  id: number;
  status: number;
  /** "" when nothing was predicted. */
  prediction: string;
  /** The body is in v2Binary's layout. */
  isBinary: boolean;
  body: Buffer;
}

const REQUEST_HEAD = 9;
const ANSWER_HEAD = 22;
const BINARY = 0x8000;
const FIRST = 0x8000;
const MOST_MICROS = 0xffffffff;
const MOST_JOINED = 0x7fff;

/** Head of a request frame; the body is written after it as it is, so that it isn't copied. */
export function requestHead(id: number, kind: FrameKind, bodyBytes: number): Buffer {
  const head = Buffer.allocUnsafe(REQUEST_HEAD);
  head.writeUInt32LE(REQUEST_HEAD - 4 + bodyBytes, 0);
  head.writeUInt32LE(id, 4);
  head.writeUInt8(kind, 8);
  return head;
}

/** A whole request frame in one piece. */
export function requestFrame(id: number, kind: FrameKind, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(REQUEST_HEAD + body.length);
  frame.writeUInt32LE(REQUEST_HEAD - 4 + body.length, 0);
  frame.writeUInt32LE(id, 4);
  frame.writeUInt8(kind, 8);
  body.copy(bytesOf(frame), REQUEST_HEAD);
  return frame;
}

/** An answer that isn't a frame yet. */
export interface Answer {
  id: number;
  status: number;
  prediction: string;
  isBinary: boolean;
  body: string | Buffer;
  timing: RunTiming;
}

/** Answer frames, one after the other, in one piece: many small writes cost more than the answers. */
export function encodeAnswers(answers: readonly Answer[]): Buffer {
  let total = 0;
  for (const { prediction, body } of answers)
    total += ANSWER_HEAD + Buffer.byteLength(prediction) + bodyLength(body);
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (const { id, status, prediction, isBinary, body, timing } of answers) {
    const predictionBytes = frames.write(prediction, at + ANSWER_HEAD);
    const bodyAt = at + ANSWER_HEAD + predictionBytes;
    const bodyBytes =
      typeof body === "string" ? frames.write(body, bodyAt) : body.copy(bytesOf(frames), bodyAt);
    const length = ANSWER_HEAD + predictionBytes + bodyBytes;
    frames.writeUInt32LE(length - 4, at);
    frames.writeUInt32LE(id, at + 4);
    frames.writeUInt16LE(isBinary ? status | BINARY : status, at + 8);
    frames.writeUInt16LE(predictionBytes, at + 10);
    frames.writeUInt32LE(Math.min(MOST_MICROS, timing.queuedMicros), at + 12);
    frames.writeUInt32LE(Math.min(MOST_MICROS, timing.computeMicros), at + 16);
    frames.writeUInt16LE(Math.min(MOST_JOINED, timing.batch) | (timing.isFirst ? FIRST : 0), at + 20);
    at += length;
  }
  return frames;
}

function bodyLength(body: string | Buffer): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.length;
}

export function decodeRequest(frame: Buffer): RequestFrame {
  return { id: frame.readUInt32LE(0), kind: frame.readUInt8(4) as FrameKind, body: frame.subarray(5) };
}

export function decodeAnswer(frame: Buffer): AnswerFrame {
  const bodyStart = ANSWER_HEAD - 4 + frame.readUInt16LE(6);
  const status = frame.readUInt16LE(4);
  const batch = frame.readUInt16LE(16);
  return {
    id: frame.readUInt32LE(0),
    status: status & ~BINARY,
    prediction: frame.toString("utf8", ANSWER_HEAD - 4, bodyStart),
    isBinary: (status & BINARY) !== 0,
    queuedMicros: frame.readUInt32LE(8),
    computeMicros: frame.readUInt32LE(12),
    batch: batch & MOST_JOINED,
    isFirst: (batch & FIRST) !== 0,
    body: frame.subarray(bodyStart),
  };
}

const JSON_LENGTH = 4;

/** What stands before JSON and raw tensors in a v2Binary body. */
export function binaryPrefix(jsonBytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(JSON_LENGTH);
  prefix.writeUInt32LE(jsonBytes, 0);
  return prefix;
}

/** A whole v2Binary body. `raw`: the tensors' bytes in the order in which the JSON names them. */
export function encodeBinary(json: string, raw: readonly Buffer[]): Buffer {
  const text = Buffer.from(json);
  return joinBuffers([binaryPrefix(text.length), text, ...raw]);
}

/** The parts of a v2Binary body, sharing its memory; undefined when its length of the JSON is a lie. */
export function decodeBinary(body: Buffer): { json: Buffer; raw: Buffer } | undefined {
  if (body.length < JSON_LENGTH) return undefined;
  const end = JSON_LENGTH + body.readUInt32LE(0);
  if (end > body.length) return undefined;
  return { json: body.subarray(JSON_LENGTH, end), raw: body.subarray(end) };
}

const MAX_MEDIA_TYPE = 255;

/** What stands before the caller's bytes in an invocations body; a longer media type than 255 bytes is cut. */
export function invocationPrefix(mediaType: string): Buffer {
  const text = Buffer.from(mediaType, "latin1").subarray(0, MAX_MEDIA_TYPE);
  return joinBuffers([Buffer.from([text.length]), text]);
}

/** The parts of an invocations body, sharing its memory; undefined when its length of the media type is a lie. */
export function decodeInvocation(body: Buffer): { mediaType: string; bytes: Buffer } | undefined {
  const end = 1 + (body[0] ?? 0);
  if (end > body.length) return undefined;
  return { mediaType: body.toString("latin1", 1, end), bytes: body.subarray(end) };
}

/** Cuts a stream of bytes into frames (without their length). One per connection. */
export class FrameReader {
  #maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #wanted = -1;

  /** @param maxBytes of one frame; a longer one is a broken peer and throws RangeError */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** From the next chunk on frames may be that long. */
  allow(maxBytes: number): void {
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
