import type { ServerHttp2Stream } from "node:http2";
import type { Call } from "./call.ts";
import { ENCODINGS, readMessages } from "./read-messages.ts";
import type { ReadingBudget } from "./read-messages.ts";
import { Malformed } from "./wire/malformed.ts";

/** Answers a call of one message. Throws Malformed. */
export type UnaryMethod = (call: Call, request: Buffer) => void;

/** Answers each message of a call as it comes; the call ends when the caller has sent its last. */
export interface StreamMethod {
  /** The answer, behind room for its prefix. Throws Malformed. */
  each(request: Buffer): Buffer;
}

export type Method = UnaryMethod | StreamMethod;

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
  const { onMessage, onEnd } =
    typeof method === "function" ? oneMessage(call, method) : eachMessage(stream, call, method);
  return readMessages(stream, {
    encoding,
    maxBytes,
    budget,
    onMessage,
    onEnd() {
      onRead();
      onEnd();
    },
    onError: (code, message) => call.fail(code, message, code === "UNAVAILABLE" ? { retrySeconds: 1 } : {}),
  });
}

interface Receiver {
  onMessage(message: Buffer): void;
  onEnd(): void;
}

function oneMessage(call: Call, method: UnaryMethod): Receiver {
  let request: Buffer | undefined;
  return {
    onMessage(message) {
      if (request !== undefined) call.fail("INVALID_ARGUMENT", "this method takes one message, two came");
      request = message;
    },
    onEnd() {
      const whole = request;
      if (whole === undefined)
        return call.fail("INVALID_ARGUMENT", "this method takes one message, none came");
      return guarded(call, () => method(call, whole));
    },
  };
}

function eachMessage(stream: ServerHttp2Stream, call: Call, method: StreamMethod): Receiver {
  return {
    onMessage(message) {
      call.begin();
      guarded(call, () => {
        if (call.write(method.each(message))) return;
        stream.pause();
        stream.once("drain", () => stream.resume());
      });
    },
    onEnd: () => call.finish(),
  };
}

function guarded(call: Call, act: () => void): void {
  if (call.isOver) return;
  try {
    act();
  } catch (error) {
    if (error instanceof Malformed) return call.fail("INVALID_ARGUMENT", error.message);
    console.error(error);
    return call.fail("INTERNAL", "this is a defect in Slipway; the log of the serve process has the details");
  }
  return undefined;
}
