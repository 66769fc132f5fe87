import type { ServerHttp2Stream } from "node:http2";
import type { Call } from "./call.ts";
import { ENCODINGS, readMessages } from "./read-messages.ts";
import type { ReadingBudget } from "./read-messages.ts";
import { Malformed } from "./wire/malformed.ts";

/** Answers a call of one message. Throws Malformed. */
export type Method = (call: Call, request: Buffer) => void;

/** By path: `/package.Service/Method`. */
export type Methods = ReadonlyMap<string, Method>;

export interface ServeCallOptions {
  /** Of one message. */
  maxBytes: number;
  budget: ReadingBudget;
  /** The request has come whole. */
  onRead(): void;
}

/** Reads what a call asks for, and has it answered by its method. */
export function serveCall(
  stream: ServerHttp2Stream,
  call: Call,
  method: Method,
  { maxBytes, budget, onRead }: ServeCallOptions,
): void {
  const encoding = call.headers["grpc-encoding"] as string | undefined;
  if (encoding !== undefined && !ENCODINGS.includes(encoding)) {
    call.tell("grpc-accept-encoding", ENCODINGS.join(","));
    const allowed = ENCODINGS.join(", ");
    return call.fail("UNIMPLEMENTED", `messages can't be read as ${encoding.slice(0, 50)}; send ${allowed}`);
  }
  let request: Buffer | undefined;
  return readMessages(stream, {
    encoding,
    maxBytes,
    budget,
    onMessage(message) {
      if (request !== undefined) call.fail("INVALID_ARGUMENT", "this method takes one message, two came");
      request = message;
    },
    onEnd() {
      onRead();
      if (request === undefined) call.fail("INVALID_ARGUMENT", "this method takes one message, none came");
      else answer(call, method, request);
    },
    onError: (code, message) => call.fail(code, message, code === "UNAVAILABLE" ? { retrySeconds: 1 } : {}),
  });
}

function answer(call: Call, method: Method, request: Buffer): void {
  if (call.isOver) return;
  try {
    method(call, request);
  } catch (error) {
    if (error instanceof Malformed) return call.fail("INVALID_ARGUMENT", error.message);
    console.error(error);
    return call.fail("INTERNAL", "this is a defect in Slipway; the log of the serve process has the details");
  }
  return undefined;
}
