// A gRPC client for tests that says what it likes: any bytes as a message, any headers, any order.
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";

const NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

export interface Answer {
  /** HTTP's. */
  status: number;
  /** gRPC's, by name; undefined when the stream was reset without one. */
  code: string | undefined;
  message: string;
  /** Headers and trailers together. */
  metadata: IncomingHttpHeaders;
  messages: Buffer[];
}

/** A message behind its prefix. */
export function framed(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message] as unknown as Uint8Array[]);
}

export class GrpcClient {
  readonly #session: ClientHttp2Session;

  /** @param address host and port */
  constructor(address: string) {
    this.#session = connect(`http://${address}`);
    this.#session.on("error", () => undefined);
  }

  /** One call: `sent` goes as it is, each piece in a write of its own. */
  async call(path: string, sent: Buffer | Buffer[], headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    const stream = this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let metadata: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("response", (received) => (metadata = { ...metadata, ...received }));
    stream.on("trailers", (received) => (metadata = { ...metadata, ...received }));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (const piece of Array.isArray(sent) ? sent : [sent]) stream.write(piece);
    stream.end();
    if (!stream.closed) await once(stream, "close");
    const code = metadata["grpc-status"];
    return {
      status: Number(metadata[":status"] ?? 0),
      code: code === undefined ? undefined : NAMES[Number(code)],
      message: decodeURIComponent(String(metadata["grpc-message"] ?? "")),
      metadata,
      messages: cut(Buffer.concat(chunks as unknown as Uint8Array[])),
    };
  }

  unary(path: string, message: Buffer, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.call(path, framed(message), headers);
  }

  close(): void {
    this.#session.destroy();
  }
}

function cut(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
