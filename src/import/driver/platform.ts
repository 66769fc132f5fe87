import type { Readable } from "node:stream";
import { SlipwayError, type ErrorBody } from "../../http/errors.ts";
import type { Checked } from "../check.ts";
import type { FileKind, Kind } from "../kinds.ts";
import type {
  DoneIn,
  ExperimentIn,
  ExperimentOut,
  LoggedModelIn,
  MetricsIn,
  RegisteredModelIn,
  RunIn,
  TraceIn,
} from "../wire.ts";
import { Http } from "./http.ts";

export interface PlatformOptions {
  /** Without a slash at the end. */
  url: string;
  /** The whole Authorization header. */
  authorization: string | undefined;
  tenant: string | undefined;
  sleep(ms: number): Promise<void>;
  random(): number;
}

const BASE = "/api/slipway/v1/imports";

/** The platform that things are brought to, called by its import API. */
export class Platform {
  readonly #http: Http;
  #import = "";

  constructor({ url, authorization, tenant, sleep, random }: PlatformOptions) {
    this.#http = new Http({
      base: url,
      headers: {
        accept: "application/json",
        ...(authorization === undefined ? {} : { authorization }),
        ...(tenant === undefined ? {} : { "x-mlflow-workspace": tenant }),
      },
      sleep,
      random,
      unreachable: (cause) =>
        new SlipwayError(
          this.#import === "" ? "PLATFORM_UNREACHABLE" : "IMPORT_INTERRUPTED",
          `no platform answers at ${url}`,
          { given: cause instanceof Error ? cause.message : String(cause), cause },
        ),
      refusal,
    });
  }

  /** Begins the import from that source, or goes on with it; the tenant that it goes into. */
  async begin(source: string, version: string | undefined): Promise<string> {
    const about = { source, ...(version ? { version } : {}) };
    const { id, tenant } = await this.#json<{ id: string; tenant: string }>(BASE, about);
    this.#import = `${BASE}/${id}`;
    return tenant;
  }

  /** Of the import that has begun. */
  get importId(): string {
    return this.#import.slice(BASE.length + 1);
  }

  /** Looks for the import from that source without beginning one; without it nothing is known. */
  async find(source: string): Promise<string> {
    const answer = JSON.parse(await this.#http.text(BASE)) as {
      tenant: string;
      imports: { id: string; source: string }[];
    };
    const found = answer.imports.find((one) => one.source === source);
    if (found) this.#import = `${BASE}/${found.id}`;
    return answer.tenant;
  }

  /** Those of the things that are here: fingerprints by the source's ids. */
  async known(kind: Kind, ids: readonly string[]): Promise<Map<string, string | null>> {
    if (this.#import === "" || ids.length === 0) return new Map();
    const { items } = await this.#json<{ items: { id: string; fingerprint: string | null }[] }>(
      `${this.#import}/known`,
      { kind, ids },
    );
    return new Map(items.map((item) => [item.id, item.fingerprint]));
  }

  experiment(experiment: ExperimentIn): Promise<ExperimentOut> {
    return this.#json(`${this.#import}/experiments`, experiment);
  }

  async run(run: RunIn): Promise<void> {
    await this.#json(`${this.#import}/runs`, { runs: [run] });
  }

  async metrics(metrics: MetricsIn): Promise<void> {
    await this.#json(`${this.#import}/metrics`, metrics);
  }

  async loggedModel(model: LoggedModelIn): Promise<void> {
    await this.#json(`${this.#import}/logged-models`, model);
  }

  async registeredModel(model: RegisteredModelIn): Promise<string[]> {
    return (await this.#json<{ left: string[] }>(`${this.#import}/registered-models`, model)).left;
  }

  async trace(trace: TraceIn): Promise<void> {
    await this.#json(`${this.#import}/traces`, { traces: [trace] });
  }

  async done(item: DoneIn): Promise<void> {
    await this.#json(`${this.#import}/done`, item);
  }

  check(kind: Kind | "file", after: string): Promise<Checked> {
    return this.#json(`${this.#import}/check`, { kind, after });
  }

  async end(report: object): Promise<void> {
    await this.#json(`${this.#import}/end`, { report });
  }

  /** Files that are here, by their paths. */
  async files(kind: FileKind, ownerId: string): Promise<Map<string, number>> {
    if (this.#import === "") return new Map();
    const text = await this.#http.text(this.#owner(kind, ownerId));
    const { files } = JSON.parse(text) as { files: { path: string; size: number }[] };
    return new Map(files.map(({ path, size }) => [path, size]));
  }

  /** Stores a file; its size and SHA-256 as the platform wrote them. Once: the body can't be read again. */
  async file(
    kind: FileKind,
    ownerId: string,
    path: string,
    body: Readable,
    size: number | undefined,
  ): Promise<{ size: number; sha256: string }> {
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    const headers = {
      "content-type": "application/octet-stream",
      ...(size === undefined ? {} : { "x-slipway-size": String(size) }),
    };
    const text = await this.#http.send(`${this.#owner(kind, ownerId)}/${encoded}`, body, headers);
    return JSON.parse(text) as { size: number; sha256: string };
  }

  /** Repeats a piece of work that both sides may interrupt. */
  again<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#http.again(work);
  }

  #owner(kind: FileKind, ownerId: string): string {
    return `${this.#import}/files/${kind}/${encodeURIComponent(ownerId)}`;
  }

  async #json<Answer>(path: string, json: unknown): Promise<Answer> {
    return JSON.parse(await this.#http.text(path, { json })) as Answer;
  }
}

/** Why a platform refused a call; null: it may be tried again. */
export function refusal(status: number, body: string): Error | null {
  let error: ErrorBody | undefined;
  try {
    ({ error } = JSON.parse(body) as { error?: ErrorBody });
  } catch {
    // Not ours: said below.
  }
  // A command can't be told by a full disk or a busy platform to give up what it has begun.
  if ([408, 429, 502, 503, 504].includes(status)) return null;
  if (typeof error?.code === "string" && typeof error.message === "string")
    return SlipwayError.fromJSON(error);
  return new SlipwayError("PLATFORM_UNEXPECTED", `the platform answered ${status} without a reason`);
}
