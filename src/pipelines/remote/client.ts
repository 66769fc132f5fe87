import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { Clock } from "../../base/clock.ts";
import { CATALOGUE, SlipwayError, type ErrorCode } from "../../http/errors.ts";
import type { StepAssignment } from "./assignment.ts";
import type { StepReport } from "./report.ts";

export interface StepClientDeps {
  /** Of the platform, such as `http://slipway.slipway.svc:4600`. */
  url: string;
  token: string;
  run: string;
  step: string;
  tryNumber: number;
  clock: Clock;
  /** Milliseconds for which a platform that is away is waited for; default ten minutes. */
  patienceMs?: number;
  log: (line: string) => void;
}

interface Call {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Below the pipeline run. */
  path: string;
  json?: unknown;
  /** Sent as it is; read anew for each try. */
  file?: string;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const PATIENCE_MS = 10 * 60_000;
/** Of an answer that isn't a file. */
const MAX_ERROR_BYTES = 64 * 1024;

/** The way from a step in a pod to its platform. A platform that starts, or is led by another pod now, is waited for. */
export class StepClient {
  readonly #deps: StepClientDeps;
  readonly #root: string;
  readonly #step: string;

  constructor(deps: StepClientDeps) {
    this.#deps = deps;
    this.#root = `${deps.url.replace(/\/+$/, "")}/api/slipway/v1/pipeline-runs/${deps.run}`;
    this.#step = `/steps/${deps.step}`;
  }

  async assignment(): Promise<StepAssignment> {
    return (await this.#json({ method: "GET", path: this.#try() })) as StepAssignment;
  }

  async report(report: StepReport): Promise<void> {
    await this.#json({ method: "PUT", path: this.#try(), json: report });
  }

  async sendLog(file: string): Promise<void> {
    await this.#json({ method: "PUT", path: `${this.#try()}/log`, file });
  }

  async effects(body: { do: "begin" | "end" | "replay"; effects?: unknown }): Promise<unknown> {
    return this.#json({ method: "POST", path: `${this.#try()}/effects`, json: body });
  }

  /** The commit's files. */
  source(): Promise<AsyncIterable<Uint8Array>> {
    return this.#bytes("/source");
  }

  archive(sha256: string): Promise<AsyncIterable<Uint8Array>> {
    return this.#bytes(`/files/${sha256}`);
  }

  /** Sends an archive unless it is there already. */
  async sendArchive(sha256: string, file: string): Promise<void> {
    const path = `/files/${sha256}`;
    if (await this.#found({ method: "HEAD", path })) return;
    await this.#json({ method: "PUT", path, file });
  }

  /** Undefined when nobody has built it. */
  async environment(hash: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#maybe(() => this.#bytes(`/environments/${hash}`));
  }

  async sendEnvironment(hash: string, file: string): Promise<void> {
    await this.#json({ method: "PUT", path: `/environments/${hash}`, file });
  }

  async kept(key: string): Promise<unknown> {
    return this.#maybe(() => this.#json({ method: "GET", path: `${this.#step}/cache/${key}` }));
  }

  keptArchive(key: string): Promise<AsyncIterable<Uint8Array>> {
    return this.#bytes(`${this.#step}/cache/${key}/archive`);
  }

  async keep(key: string, kept: unknown): Promise<void> {
    await this.#json({ method: "PUT", path: `${this.#step}/cache/${key}`, json: kept });
  }

  async forget(key: string): Promise<void> {
    await this.#json({ method: "DELETE", path: `${this.#step}/cache/${key}` });
  }

  async lastKept(): Promise<unknown> {
    return this.#maybe(() => this.#json({ method: "GET", path: `${this.#step}/last-kept` }));
  }

  async setLastKept(last: unknown): Promise<void> {
    await this.#json({ method: "PUT", path: `${this.#step}/last-kept`, json: last });
  }

  #try(): string {
    return `${this.#step}/tries/${this.#deps.tryNumber}`;
  }

  async #json(call: Call): Promise<unknown> {
    const answer = await this.#send(call);
    return answer.status === 204 ? undefined : await answer.json();
  }

  async #bytes(path: string): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#send({ method: "GET", path });
    return body === null ? Readable.from([]) : Readable.fromWeb(body as unknown as ReadableStream);
  }

  async #maybe<Found>(ask: () => Promise<Found>): Promise<Found | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof SlipwayError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  async #found(call: Call): Promise<boolean> {
    return (await this.#maybe(() => this.#send(call))) !== undefined;
  }

  /** Tries again while the platform is away or busy; everything here may be asked twice. */
  async #send(call: Call): Promise<Response> {
    const { clock, log, patienceMs = PATIENCE_MS } = this.#deps;
    const until = clock.now() + patienceMs;
    let wait = FIRST_WAIT_MS;
    for (;;) {
      let trouble: SlipwayError;
      try {
        const answer = await this.#once(call);
        if (answer.ok) return answer;
        trouble = await errorOf(answer, call);
        if (answer.status < 500 && answer.status !== 429) throw trouble;
      } catch (error) {
        if (error instanceof SlipwayError) throw error;
        const { cause } = error as Error;
        trouble = new SlipwayError("UNAVAILABLE", `the platform doesn't answer: ${said(cause ?? error)}`);
      }
      if (clock.now() + wait > until) throw trouble;
      if (wait >= 1000) log(`${trouble.message}; trying again`);
      await clock.sleep(wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  async #once({ method, path, json, file }: Call): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#deps.token}` };
    const init: RequestInit & { duplex?: "half" } = { method, headers };
    if (json !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(json);
    } else if (file !== undefined) {
      headers["content-type"] = "application/octet-stream";
      headers["content-length"] = String((await stat(file)).size);
      init.body = Readable.toWeb(createReadStream(file)) as unknown as NonNullable<RequestInit["body"]>;
      init.duplex = "half";
    }
    return fetch(this.#root + path, init);
  }
}

/** The error that the platform answered, in its own words where it has any. */
async function errorOf(answer: Response, { method, path }: Call): Promise<SlipwayError> {
  const text = method === "HEAD" ? "" : (await answer.text()).slice(0, MAX_ERROR_BYTES);
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; details?: unknown } };
    if (Object.hasOwn(CATALOGUE, error.code))
      return new SlipwayError(error.code as ErrorCode, error.message, { details: error.details as never });
  } catch {
    // Not one of ours: a proxy's, or an empty one.
  }
  const code = answer.status === 404 ? "NOT_FOUND" : answer.status >= 500 ? "UNAVAILABLE" : "INTERNAL";
  return new SlipwayError(code, `the platform answered ${answer.status} to ${method} ${path}`);
}

function said(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
