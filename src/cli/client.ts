import { TENANT_HEADER } from "../http/access.ts";
import { SlipwayError } from "../http/errors.ts";
import type { ErrorBody } from "../http/errors.ts";
import { linesOf } from "./lines.ts";

const BASE = "/api/slipway/v1";
const ANSWER_WITHIN_MS = 15_000;
/** Attempts to take up a stream again that broke without bringing anything new. */
const RECONNECTS = 5;
const RECONNECT_AFTER_MS = 500;
const DEFAULT_URL = "http://127.0.0.1:4600";

/** Calls one platform's API. Errors are SlipwayErrors: the platform's own, or PLATFORM_UNREACHABLE. */
export class PlatformClient {
  readonly #base: string;
  readonly #authorization: string | undefined;
  readonly #tenant: string | undefined;

  /** `authorization`: the whole header; undefined: none is sent. `tenant`: undefined leaves it to the platform. */
  constructor(base: string, authorization: string | undefined, tenant?: string) {
    this.#base = base;
    this.#authorization = authorization;
    this.#tenant = tenant;
  }

  /** The same platform, about a tenant's things. */
  ofTenant(tenant: string | undefined): PlatformClient {
    return new PlatformClient(this.#base, this.#authorization, tenant);
  }

  /** `{base}/api/slipway/v1{path}` as JSON. */
  async get<Answer>(path: string): Promise<Answer> {
    return this.#json(await this.#call("GET", path), path);
  }

  async post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#json(await this.#call("POST", path, body), path);
  }

  async put<Answer>(path: string, body: unknown): Promise<Answer | undefined> {
    return this.#jsonOrNothing(await this.#call("PUT", path, body), path);
  }

  async patch<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#json(await this.#call("PATCH", path, body), path);
  }

  async delete(path: string): Promise<void> {
    await this.#call("DELETE", path);
  }

  /** A file's bytes as they come. */
  async file(path: string): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#call("GET", path)).body ?? emptyBody();
  }

  /** A text answer whole, or `lines` of a JSON one: what a service's logs come as. */
  async lines(path: string): Promise<string[]> {
    const response = await this.#call("GET", path);
    if (!isJson(response)) return splitLines(await response.text());
    const body = await this.#json<{ lines?: unknown }>(response, path);
    return Array.isArray(body.lines) ? body.lines.map(String) : [];
  }

  /**
   * The lines of a text answer as they come. A stream that breaks is taken up again behind the last line that was
   * given, so a quiet hour or a restart of the platform costs nothing.
   */
  async *stream(path: string): AsyncIterable<string> {
    let given = 0;
    for (let attempt = 0; ; attempt++) {
      let skip = given;
      const response = await this.#call("GET", path, undefined, attempt > 0);
      try {
        for await (const line of linesOf(response.body ?? emptyBody())) {
          if (skip > 0) {
            skip--;
            continue;
          }
          given++;
          attempt = 0;
          yield line;
        }
        return;
      } catch (error) {
        if (error instanceof SlipwayError || attempt >= RECONNECTS) throw this.#unreachable(error);
      }
    }
  }

  /**
   * The data of server-sent events as they come. A stream that breaks is taken up again; each event is whole, so
   * nothing is lost but what happened meanwhile.
   */
  async *events(path: string): AsyncIterable<string> {
    let hasAnswered = false;
    for (let attempt = 0; attempt <= RECONNECTS; attempt++) {
      try {
        const response = await this.#call("GET", path, undefined, hasAnswered);
        hasAnswered = true;
        for await (const data of eventsOf(linesOf(response.body ?? emptyBody()))) {
          attempt = 0;
          yield data;
        }
        // The platform ends it only when it stops itself.
      } catch (error) {
        const isFinal = error instanceof SlipwayError && error.code !== "PLATFORM_UNREACHABLE";
        if (isFinal || !hasAnswered || attempt >= RECONNECTS) throw this.#unreachable(error);
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_AFTER_MS));
    }
  }

  async #call(method: string, path: string, body?: unknown, isRetry = false): Promise<Response> {
    const abort = new AbortController();
    const late = setTimeout(() => abort.abort(), ANSWER_WITHIN_MS);
    try {
      const response = await fetch(`${this.#base}${BASE}${path}`, {
        method,
        headers: {
          accept: "application/json, text/plain;q=0.9",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
          ...(this.#tenant === undefined ? {} : { [TENANT_HEADER]: this.#tenant }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: "error",
        signal: abort.signal,
      });
      if (!response.ok) throw await this.#refusal(response);
      return response;
    } catch (error) {
      if (error instanceof SlipwayError && !(isRetry && error.status === 503)) throw error;
      throw this.#unreachable(error);
    } finally {
      clearTimeout(late);
    }
  }

  async #jsonOrNothing<Answer>(response: Response, path: string): Promise<Answer | undefined> {
    return response.status === 204 ? undefined : this.#json(response, path);
  }

  async #json<Answer>(response: Response, path: string): Promise<Answer> {
    const text = await response.text();
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw this.#unexpected(`${path} was answered with something other than JSON`);
    }
  }

  async #refusal(response: Response): Promise<SlipwayError> {
    const text = await response.text();
    try {
      const { error } = JSON.parse(text) as { error?: ErrorBody };
      if (typeof error?.code === "string" && typeof error.message === "string")
        return SlipwayError.fromJSON(error);
    } catch {
      // Not JSON: said below.
    }
    return this.#unexpected(`it answered ${response.status} without a reason`);
  }

  #unexpected(what: string): SlipwayError {
    return new SlipwayError(
      "PLATFORM_UNEXPECTED",
      `no Slipway platform seems to be at ${this.#base}: ${what}`,
    );
  }

  #unreachable(error: unknown): SlipwayError {
    if (error instanceof SlipwayError) return error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const code = (cause as { code?: unknown } | null)?.code;
    const isLate = error instanceof Error && error.name === "AbortError";
    const reason = isLate ? `no answer within ${ANSWER_WITHIN_MS / 1000} s` : REASONS[String(code)];
    const detail = reason ?? (cause instanceof Error ? cause.message : String(cause));
    return new SlipwayError("PLATFORM_UNREACHABLE", `no platform answers at ${this.#base}: ${detail}`, {
      cause: error,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "unknown host",
  EAI_AGAIN: "the host's name can't be resolved now",
  ECONNRESET: "connection reset",
  UND_ERR_SOCKET: "connection closed",
};

type Env = Readonly<Record<string, string | undefined>>;

/** `--url`, else SLIPWAY_URL, else the default address, without a slash at the end. USAGE when it isn't an address. */
export function platformUrl(url: string | undefined, env: Env): string {
  const given = url ?? (env.SLIPWAY_URL === "" ? undefined : env.SLIPWAY_URL) ?? DEFAULT_URL;
  return checkedUrl(given, url === undefined ? "SLIPWAY_URL" : "--url", "; a token goes into SLIPWAY_TOKEN");
}

/** An address without a slash at the end. USAGE, with where it was given, when it can't be called. */
export function checkedUrl(given: string, where: string, note = ""): string {
  const parsed = URL.canParse(given) ? new URL(given) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol) || parsed.username !== "")
    throw new SlipwayError("USAGE", "the address isn't a URL that can be called", {
      where,
      // A password in it isn't shown again.
      given: given.replace(/\/\/[^/@]*@/, "//…@"),
      allowed: `http://host:port or https://host, without a user name${note}`,
    });
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, "");
}

function isJson(response: Response): boolean {
  return response.headers.get("content-type")?.includes("json") === true;
}

function splitLines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** The data of each event (WHATWG HTML, 9.2.6); comments and other fields are left out. */
async function* eventsOf(lines: AsyncIterable<string>): AsyncIterable<string> {
  let data: string[] = [];
  for await (const line of lines) {
    if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
    else if (line === "" && data.length > 0) {
      yield data.join("\n");
      data = [];
    }
  }
}

async function* emptyBody(): AsyncIterable<Uint8Array> {}
