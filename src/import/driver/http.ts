import type { Readable } from "node:stream";

/** One side of the import: where it is, how it is called. */
export interface Side {
  /** Without a slash at the end. */
  base: string;
  headers: Readonly<Record<string, string>>;
  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void>;
  /** A number from 0 to 1, for waiting not quite as long as everybody else. */
  random(): number;
  /** Why it can't be reached. */
  unreachable(cause: unknown): Error;
  /** Why it refused; null: it may be tried again. */
  refusal(status: number, body: string, headers: Headers): Error | null;
}

export interface Call {
  method?: "GET" | "POST" | "PUT";
  query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  json?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** Attempts of one call, and the waits between them: about half a minute, so that a restart costs nothing. */
const ATTEMPTS = 9;
/** Before anything has answered: an address that is wrong is said soon. */
const FIRST_ATTEMPTS = 4;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 8_000;
/** Until an answer begins; a server that searches many runs takes its time. */
const ANSWER_WITHIN_MS = 120_000;

/** Calls one side by HTTP; what passes by itself is tried again. */
export class Http {
  readonly #side: Side;
  #hasAnswered = false;

  constructor(side: Side) {
    this.#side = side;
  }

  /** The answer's text. */
  text(path: string, call: Call = {}): Promise<string> {
    return this.#again(async () => (await this.#send(path, call)).text());
  }

  /** Opens a body once; whoever reads it begins anew by opening it again. */
  open(path: string, call: Call = {}): Promise<Response> {
    return this.#again(() => this.#send(path, call));
  }

  /** Sends a body once. */
  async send(path: string, body: Readable, headers: Readonly<Record<string, string>>): Promise<string> {
    return (await this.#send(path, { method: "PUT", headers }, body)).text();
  }

  /** Repeats a whole piece of work whose errors `isPassing` calls passing. */
  async again<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#again(work);
  }

  async #again<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (attempt >= (this.#hasAnswered ? ATTEMPTS : FIRST_ATTEMPTS)) throw this.#side.unreachable(error);
        const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
        const asked = error instanceof Passing ? error.retryAfterMs : 0;
        await this.#side.sleep(Math.max(asked, wait * (0.75 + this.#side.random() / 2)));
      }
    }
  }

  async #send(path: string, { method, query, json, headers }: Call, body?: Readable): Promise<Response> {
    const { base, headers: common } = this.#side;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(`${base}${path}${queryOf(query)}`, {
        method: method ?? (json === undefined ? "GET" : "POST"),
        headers: {
          ...common,
          ...headers,
          ...(json === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(body === undefined ? {} : { body, duplex: "half" }),
        redirect: "manual",
        ...(body === undefined ? { signal: late.signal } : {}),
      } as unknown as RequestInit);
      if (answer.status >= 200 && answer.status < 300) {
        this.#hasAnswered = true;
        return answer;
      }
      const refusal = this.#side.refusal(answer.status, await answer.text(), answer.headers);
      throw refusal ?? new Passing(answer);
    } catch (error) {
      // What fetch throws says nothing but that there is no connection, or none any more.
      throw error instanceof TypeError || late.signal.aborted ? new Passing(undefined, error) : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** An answer, or the lack of one, that may be another the next time. */
class Passing extends Error {
  readonly retryAfterMs: number;

  constructor(answer?: Response, cause?: unknown) {
    super(answer ? `it answered ${answer.status}` : "no connection", { cause });
    const seconds = Number(answer?.headers.get("retry-after") ?? 0);
    this.retryAfterMs = Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : 0;
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof Passing) return true;
  // A body that ended too soon, on either side.
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return (
    name === "AbortError" ||
    (error instanceof TypeError && /terminated|fetch failed/.test(error.message)) ||
    (typeof code === "string" && /^(UND_ERR|ECONN|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ETIMEDOUT)/.test(code))
  );
}

/** A list becomes a repeated name; what is undefined is left out. */
function queryOf(query: Call["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
