import { bytesOf } from "../base/bytes.ts";
import type { FrameKind } from "./frames.ts";

/** What is told of a request whose values are logged. */
export interface LoggedHead {
  id: string;
  /** When it was answered, in milliseconds since the epoch. */
  at: number;
  service: string;
  /** The version that answered; of a failure, that should have. */
  version: number;
  arm: "champion" | "challenger";
  status: number;
  /** From the assignment to the answer. */
  ms: number;
  /** Of the environment repository. */
  commit: string;
  /** What the request's body is to a worker; an answer's is of the same kind. */
  kind: FrameKind;
  /** The answer is in v2Binary's layout. */
  isBinary?: true;
  /** Keyed hash of who called; absent: nobody says. */
  caller?: string;
  /** A version in the path, or a sticky caller's later request. */
  direct?: true;
  /** The version on trial that failed the request before the champion answered it. */
  fallback?: number;
  /** Why there is no worker's answer. */
  error?: string;
  /** Why there are no values: the service's file says so, or they are larger than one record may be. */
  omitted?: "off" | "too-large";
}

/** A sampled request as it is handed over from the router, bytes as they came and went. */
export interface LoggedPrediction extends LoggedHead {
  /** As in a request frame; empty when values are left out. */
  request: Buffer;
  /** As in an answer frame; empty when there was none. */
  answer: Buffer;
}

const LENGTH = 4;

/**
 * One record: u32 length of what follows · u32 length of the head · head (JSON) · u32 length of the request · request ·
 * answer. Integers are little-endian.
 */
export function encodeLogged(head: LoggedHead, request: Buffer, answer: Buffer): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const requestAt = 2 * LENGTH + headBytes;
  const record = Buffer.allocUnsafe(requestAt + LENGTH + request.length + answer.length);
  record.writeUInt32LE(record.length - LENGTH, 0);
  record.writeUInt32LE(headBytes, LENGTH);
  record.write(text, 2 * LENGTH);
  record.writeUInt32LE(request.length, requestAt);
  const into = bytesOf(record);
  into.set(bytesOf(request), requestAt + LENGTH);
  into.set(bytesOf(answer), requestAt + LENGTH + request.length);
  return record;
}

/**
 * Records of a whole file, oldest first, sharing its memory. A file that a killed process left ends in the middle of a
 * record; that one, and whatever can't be read, ends the walk.
 */
export function* decodeLogged(file: Buffer): Generator<LoggedPrediction> {
  let at = 0;
  while (at + LENGTH <= file.length) {
    const end = at + LENGTH + file.readUInt32LE(at);
    if (end > file.length) return;
    const record = readRecord(file.subarray(at + LENGTH, end));
    if (record === undefined) return;
    yield record;
    at = end;
  }
}

function readRecord(bytes: Buffer): LoggedPrediction | undefined {
  if (bytes.length < LENGTH) return undefined;
  const headEnd = LENGTH + bytes.readUInt32LE(0);
  if (headEnd + LENGTH > bytes.length) return undefined;
  const requestEnd = headEnd + LENGTH + bytes.readUInt32LE(headEnd);
  if (requestEnd > bytes.length) return undefined;
  try {
    const head = JSON.parse(bytes.toString("utf8", LENGTH, headEnd)) as LoggedHead;
    if (typeof head.id !== "string" || typeof head.at !== "number" || typeof head.service !== "string")
      return undefined;
    const request = bytes.subarray(headEnd + LENGTH, requestEnd);
    return { ...head, request, answer: bytes.subarray(requestEnd) };
  } catch {
    return undefined;
  }
}
