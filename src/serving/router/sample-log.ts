import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { readCredentials } from "../../http/credentials.ts";
import type { LogRule, TrafficRule } from "../backend.ts";
import { encodeLogged } from "../logged-prediction.ts";
import type { LoggedHead } from "../logged-prediction.ts";
import type { LogCounter } from "../outcomes.ts";
import { SampleSpool } from "./sample-spool.ts";
import type { SampleSpoolOptions } from "./sample-spool.ts";

export interface SampleLogOptions extends Omit<SampleSpoolOptions, "onLost"> {
  /** By which callers are hashed; the same after a restart. */
  key: Buffer;
}

/** A request that goes to the log. */
export interface Sample {
  values: boolean;
  caller: string | undefined;
}

/** Request and answer together; a larger one is kept without its values. */
const MAX_VALUE_BYTES = 1024 * 1024;
const MAX_ERROR = 500;
const NOTHING = Buffer.alloc(0);
/** Of a caller's hash: 64 bits are enough to tell callers apart. */
const HASH_CHARACTERS = 16;

/** Requests that are kept with their inputs and outputs: chooses them, and hands their bytes to the spool. */
export class SampleLog {
  readonly #spool: SampleSpool;
  readonly #key: Buffer;
  readonly #counters = new Map<string, LogCounter>();

  constructor({ key, ...spool }: SampleLogOptions) {
    this.#key = key;
    this.#spool = new SampleSpool({
      ...spool,
      onLost: (records) => {
        for (const { service } of records) {
          const counter = this.#counterOf(service);
          counter.logged -= 1;
          counter.dropped += 1;
        }
      },
    });
  }

  /** Whether a request is kept: by its id alone, before anything of its answer is known. */
  take(rule: TrafficRule, requestId: string, headers: IncomingHttpHeaders): Sample | undefined {
    const { log, sticky } = rule;
    if (log === undefined || !isSampled(requestId, log)) return undefined;
    return { values: log.values, caller: this.#callerOf(headers, sticky?.header) };
  }

  /** @param head what is told of it; `omitted` and `caller` are filled in here */
  add(
    { values, caller }: Sample,
    head: Omit<LoggedHead, "caller" | "omitted">,
    request: Buffer,
    answer: Buffer,
  ): void {
    const isLarge = request.length + answer.length > MAX_VALUE_BYTES;
    const whole: LoggedHead = { ...head };
    if (caller !== undefined) whole.caller = caller;
    if (head.error !== undefined) whole.error = head.error.slice(0, MAX_ERROR);
    if (!values || isLarge) whole.omitted = values ? "too-large" : "off";
    const isKept = whole.omitted === undefined;
    const bytes = encodeLogged(whole, isKept ? request : NOTHING, isKept ? answer : NOTHING);
    const counter = this.#counterOf(head.service);
    if (this.#spool.add({ service: head.service, bytes })) counter.logged += 1;
    else counter.dropped += 1;
  }

  report(): LogCounter[] {
    return [...this.#counters.values()].map((counter) => ({ ...counter }));
  }

  /** Resolves when what was added before can be read, or is lost. */
  flush(): Promise<void> {
    return this.#spool.flush();
  }

  /** All that was added before is handed over: in a segment that may be taken. */
  roll(): Promise<void> {
    return this.#spool.roll();
  }

  #counterOf(service: string): LogCounter {
    let counter = this.#counters.get(service);
    if (counter === undefined) this.#counters.set(service, (counter = { service, logged: 0, dropped: 0 }));
    return counter;
  }

  /** By the header that keeps callers on one variant where a service has one, else by the token. */
  #callerOf(headers: IncomingHttpHeaders, sticky: string | undefined): string | undefined {
    const named = sticky === undefined ? undefined : headers[sticky.toLowerCase()];
    if (typeof named === "string") return this.#hash("header", named);
    const { authorization } = headers;
    const given = authorization === undefined ? undefined : readCredentials(authorization);
    return given?.kind === "token" ? this.#hash("token", given.token) : undefined;
  }

  /** Keyed, because a name can be guessed and its plain hash compared. */
  #hash(kind: string, value: string): string {
    const key = this.#key.toString("hex");
    return createHmac("sha256", key).update(`${kind}\n${value}`).digest("hex").slice(0, HASH_CHARACTERS);
  }
}

/**
 * The same for the same id, in every process and after every restart: FNV-1a over its characters (ids are ASCII), with
 * MurmurHash3's fmix32 at the end, as a point in [0, 1).
 */
export function isSampled(requestId: string, { sample }: Pick<LogRule, "sample">): boolean {
  if (sample >= 1) return true;
  if (sample <= 0) return false;
  let hash = 0x811c9dc5;
  for (let i = 0; i < requestId.length; i++) hash = Math.imul(hash ^ requestId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32 < sample;
}
