import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { Clock } from "../../base/clock.ts";
import type { SlipwayError } from "../../http/errors.ts";
import type { S3Config } from "./config.ts";
import { isPassing, readFailure, toBlobError, unreachable } from "./failures.ts";
import {
  encodePart,
  encodeQuery,
  payloadHash,
  presignedQuery,
  signedHeaders,
  type S3Credentials,
  type UnsignedRequest,
} from "./signature.ts";

export interface S3ClientDeps {
  config: S3Config;
  /** Asked before every request, so that keys may change while the platform runs. */
  credentials: () => Promise<S3Credentials>;
  clock: Clock;
  /** Certificates (PEM) to trust instead of the usual authorities'. */
  ca?: string;
  /** Until an answer begins, in milliseconds. */
  silenceMs?: number;
  /** Between tries, in milliseconds; their number is how often a request is tried again. */
  retryAfterMs?: readonly number[];
}

export interface S3Request {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Key of the object; absent: the bucket itself. */
  key?: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  /** Held in memory, so that the request can be signed as a whole and tried again. */
  body?: Uint8Array;
  /** What an error is about. */
  about: string;
}

const SILENCE_MS = 30_000;
/** Between two pieces of an answer: whoever reads a download slowly holds it up. */
const PIECE_MS = 300_000;
const RETRY_AFTER_MS = [200, 1000] as const;
const MAX_SOCKETS = 256;
/** A page of a listing is the largest answer that is held as a whole: 1000 keys of up to 1024 bytes, percent-encoded. */
const MAX_TEXT = 16 * 1024 * 1024;

/**
 * Signed requests to the one configured endpoint. Redirects are never followed: a store elsewhere is an error. What
 * may pass by itself is tried again a few times within seconds; everything else is an error at once.
 */
export class S3Client {
  readonly #deps: S3ClientDeps;
  readonly #agent: HttpAgent;
  readonly #endpoint: URL;
  readonly #isSecure: boolean;

  constructor(deps: S3ClientDeps) {
    this.#deps = deps;
    this.#endpoint = new URL(deps.config.endpoint);
    this.#isSecure = this.#endpoint.protocol === "https:";
    const options = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: 16 };
    this.#agent = this.#isSecure
      ? new HttpsAgent({ ...options, ...(deps.ca === undefined ? {} : { ca: deps.ca }) })
      : new HttpAgent(options);
  }

  /** The answer, whose body must be read or destroyed. Throws the store's refusal in our words. */
  async send(request: S3Request): Promise<IncomingMessage> {
    const waits = this.#deps.retryAfterMs ?? RETRY_AFTER_MS;
    for (let tried = 0; ; tried++) {
      const wait = waits[tried];
      const { answer, error, canPass } = await this.#try(request);
      if (answer !== undefined) return answer;
      if (!canPass || wait === undefined) throw error;
      await this.#deps.clock.sleep(wait);
    }
  }

  /** The answer's text, which is XML or empty. */
  async sendForText(request: S3Request): Promise<string> {
    const answer = await this.send(request);
    try {
      return await boundedText(answer);
    } catch (error) {
      throw unreachable(this.#endpoint.origin, error);
    }
  }

  /** An address with which anybody may make this one request until it expires, and the headers that belong to it. */
  async presign(
    request: Pick<S3Request, "method" | "key" | "query" | "headers">,
    expiresInSeconds: number,
  ): Promise<string> {
    const unsigned = this.#unsigned(request);
    const { clock, config } = this.#deps;
    const scope = { credentials: await this.#deps.credentials(), region: config.region, now: clock.now() };
    const query = presignedQuery(unsigned, request.headers ?? {}, expiresInSeconds, scope);
    return `${this.#endpoint.protocol}//${unsigned.host}${unsigned.path}?${query}`;
  }

  close(): void {
    this.#agent.destroy();
  }

  #unsigned({ method, key, query = {} }: Pick<S3Request, "method" | "key" | "query">): UnsignedRequest {
    const { bucket, pathStyle } = this.#deps.config;
    const parts = [...(pathStyle ? [bucket] : []), ...(key === undefined ? [] : key.split("/"))];
    const host = pathStyle ? this.#endpoint.host : `${bucket}.${this.#endpoint.host}`;
    return { method, host, path: `/${parts.map(encodePart).join("/")}`, query };
  }

  async #try(request: S3Request): Promise<Tried> {
    const { config, clock } = this.#deps;
    const credentials = await this.#deps.credentials();
    const unsigned = this.#unsigned(request);
    const scope = { credentials, region: config.region, now: clock.now() };
    const headers = signedHeaders(unsigned, request.headers ?? {}, payloadHash(request.body), scope);
    let answer: IncomingMessage;
    try {
      answer = await this.#exchange(unsigned, headers, request.body);
      const { statusCode: status = 0 } = answer;
      if (status >= 200 && status < 300) return { answer };
      const failure = readFailure(status, await boundedText(answer));
      return { error: toBlobError(failure, request.about), canPass: isPassing(failure) };
    } catch (error) {
      return { error: unreachable(this.#endpoint.origin, error), canPass: true };
    }
  }

  #exchange(
    unsigned: UnsignedRequest,
    headers: Record<string, string>,
    body: Uint8Array | undefined,
  ): Promise<IncomingMessage> {
    const query = encodeQuery(unsigned.query);
    const { hostname, port } = this.#endpoint;
    const host = this.#deps.config.pathStyle ? hostname : `${this.#deps.config.bucket}.${hostname}`;
    return new Promise((resolve, reject) => {
      const outgoing = (this.#isSecure ? httpsRequest : httpRequest)({
        agent: this.#agent,
        host: host.replace(/^\[|\]$/g, ""),
        ...(port === "" ? {} : { port }),
        method: unsigned.method,
        path: `${unsigned.path}${query === "" ? "" : `?${query}`}`,
        headers: { ...headers, host: unsigned.host, "content-length": String(body?.length ?? 0) },
        timeout: this.#deps.silenceMs ?? SILENCE_MS,
      });
      outgoing.on("response", (answer) => {
        outgoing.setTimeout(PIECE_MS);
        resolve(answer);
      });
      outgoing.on("error", reject);
      outgoing.on("timeout", () => outgoing.destroy(silence()));
      outgoing.end(body);
    });
  }
}

type Tried =
  | { answer: IncomingMessage; error?: undefined; canPass?: undefined }
  | { answer?: undefined; error: SlipwayError; canPass: boolean };

function silence(): Error {
  return Object.assign(new Error("the store stopped answering"), { code: "ETIMEDOUT" });
}

async function boundedText(answer: IncomingMessage): Promise<string> {
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_TEXT) answer.destroy(new Error("the store's answer is too long"));
  });
  return text(answer);
}
