import { SlipwayError } from "../../http/errors.ts";
import { parsed } from "../../tracking/wire/parse.ts";
import { ownedTree, proxiedPath, proxiedTree, traceTree, type FileTree } from "./file-tree.ts";
import { Http, type Call } from "./http.ts";
import type {
  Experiment,
  LoggedModel,
  MetricMessage,
  ModelVersion,
  RegisteredModel,
  Run,
  Span,
  TraceInfo,
} from "./messages.ts";
import { SourceError } from "./source-error.ts";

export interface SourceOptions {
  /** Without a slash at the end. */
  url: string;
  /** The whole Authorization header. */
  authorization: string | undefined;
  /** MLflow's workspace there; undefined: the server's default. */
  workspace: string | undefined;
  sleep(ms: number): Promise<void>;
  random(): number;
}

const PROMPT_FILTER = "tag.`mlflow.prompt.is_prompt` = 'true'";
const RUNS = 100;
const POINTS = 25_000;

/** The old MLflow server, read by its public API. Every listing is whole: its pages are walked to their end. */
export class MlflowSource {
  readonly url: string;
  readonly #http: Http;

  constructor({ url, authorization, workspace, sleep, random }: SourceOptions) {
    this.url = url;
    this.#http = new Http({
      base: url,
      headers: {
        accept: "*/*",
        "user-agent": "slipway-import",
        ...(authorization === undefined ? {} : { authorization }),
        ...(workspace === undefined ? {} : { "x-mlflow-workspace": workspace }),
      },
      sleep,
      random,
      unreachable: (cause) =>
        new SlipwayError("IMPORT_SOURCE_UNREACHABLE", `no server answers at ${url}`, {
          given: cause instanceof Error ? cause.message : String(cause),
          cause,
        }),
      refusal: (status, body, headers) => refusal(url, status, body, headers),
    });
  }

  /** The version that the server says; undefined where it says none. An error when it isn't MLflow. */
  async version(): Promise<string | undefined> {
    await this.#get("/api/2.0/mlflow/experiments/search", { max_results: 1 });
    try {
      const text = (await this.#http.text("/version")).trim();
      return /^[\w.+-]{1,50}$/.test(text) ? text : undefined;
    } catch (error) {
      if (error instanceof SourceError) return undefined;
      throw error;
    }
  }

  /** Active and deleted ones, the oldest id first. */
  async experiments(): Promise<Experiment[]> {
    const found: Experiment[] = [];
    const call = { max_results: 1000, view_type: "ALL" };
    for await (const page of this.#pages("/api/2.0/mlflow/experiments/search", call))
      found.push(...((page["experiments"] ?? []) as Experiment[]));
    return found.toSorted((a, b) => Number(a.experiment_id) - Number(b.experiment_id));
  }

  /** Active and deleted ones, the oldest first: what is new comes behind what was there. */
  async *runs(experimentId: string, filter?: string): AsyncGenerator<Run[]> {
    const call = {
      ...(filter === undefined ? {} : { filter }),
      experiment_ids: [experimentId],
      run_view_type: "ALL",
      max_results: RUNS,
      order_by: ["attributes.start_time ASC"],
    };
    for await (const page of this.#pages("/api/2.0/mlflow/runs/search", call))
      yield (page["runs"] ?? []) as Run[];
  }

  async *history(runId: string, key: string): AsyncGenerator<MetricMessage[]> {
    let token: string | undefined;
    do {
      const page: { metrics?: MetricMessage[]; next_page_token?: string } = await this.#get(
        "/api/2.0/mlflow/metrics/get-history",
        { run_id: runId, run_uuid: runId, metric_key: key, max_results: POINTS, page_token: token },
      );
      yield page.metrics ?? [];
      token = page.next_page_token || undefined;
    } while (token !== undefined);
  }

  async run(runId: string): Promise<Run | undefined> {
    const query = { run_id: runId, run_uuid: runId };
    return (await this.#get<{ run?: Run }>("/api/2.0/mlflow/runs/get", query)).run;
  }

  /** Where a run's files are. */
  async runUri(runId: string): Promise<string | undefined> {
    return (await this.run(runId))?.info.artifact_uri;
  }

  async loggedModel(id: string): Promise<LoggedModel> {
    const path = `/api/2.0/mlflow/logged-models/${encodeURIComponent(id)}`;
    return (await this.#get<{ model: LoggedModel }>(path, {})).model;
  }

  async *loggedModels(experimentId: string, filter?: string): AsyncGenerator<LoggedModel[]> {
    const call = {
      ...(filter === undefined ? {} : { filter }),
      experiment_ids: [experimentId],
      max_results: 50,
      order_by: [{ field_name: "creation_timestamp", ascending: true }],
    };
    for await (const page of this.#pages("/api/2.0/mlflow/logged-models/search", call))
      yield (page["models"] ?? []) as LoggedModel[];
  }

  /** Names of models and of prompts, which a search leaves out unless it asks for them. */
  async registeredModels(): Promise<{ name: string; isPrompt: boolean }[]> {
    const names = new Map<string, boolean>();
    for (const filter of [undefined, PROMPT_FILTER]) {
      let token: string | undefined;
      do {
        const page: { registered_models?: RegisteredModel[]; next_page_token?: string } = await this.#get(
          "/api/2.0/mlflow/registered-models/search",
          { max_results: 100, filter, page_token: token },
        );
        for (const { name } of page.registered_models ?? [])
          names.set(name, names.get(name) === true || filter !== undefined);
        token = page.next_page_token || undefined;
      } while (token !== undefined);
    }
    return [...names].map(([name, isPrompt]) => ({ name, isPrompt }));
  }

  async registeredModel(name: string): Promise<RegisteredModel> {
    const path = "/api/2.0/mlflow/registered-models/get";
    return (await this.#get<{ registered_model: RegisteredModel }>(path, { name })).registered_model;
  }

  async versions(name: string, isPrompt: boolean): Promise<ModelVersion[]> {
    const found: ModelVersion[] = [];
    const quoted = name.includes("'") ? `"${name}"` : `'${name}'`;
    const filter = `name = ${quoted}${isPrompt ? ` AND ${PROMPT_FILTER}` : ""}`;
    let token: string | undefined;
    do {
      const page: { model_versions?: ModelVersion[]; next_page_token?: string } = await this.#get(
        "/api/2.0/mlflow/model-versions/search",
        { filter, max_results: 1000, page_token: token },
      );
      found.push(...(page.model_versions ?? []));
      token = page.next_page_token || undefined;
    } while (token !== undefined);
    return found.toSorted((a, b) => Number(a.version) - Number(b.version));
  }

  async trace(traceId: string): Promise<TraceInfo | undefined> {
    const path = `/api/3.0/mlflow/traces/${encodeURIComponent(traceId)}`;
    return (await this.#get<{ trace?: { trace_info?: TraceInfo } }>(path, {})).trace?.trace_info;
  }

  async *traces(experimentId: string): AsyncGenerator<TraceInfo[]> {
    const location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experimentId } };
    const call = { locations: [location], max_results: 100, order_by: ["timestamp_ms ASC"] };
    for await (const page of this.#pages("/api/3.0/mlflow/traces/search", call))
      yield (page["traces"] ?? []) as TraceInfo[];
  }

  /** The spans of a trace that the server keeps in its database. */
  async spans(traceId: string): Promise<Span[]> {
    const path = "/api/3.0/mlflow/traces/batchGet";
    const answer = await this.#get<{ traces?: { spans?: Span[] }[] }>(path, { trace_ids: [traceId] });
    return answer.traces?.[0]?.spans ?? [];
  }

  files(kind: "run" | "logged-model" | "trace", id: string, uri: string): FileTree {
    const root = proxiedPath(uri);
    const json = <Answer>(path: string, query: Record<string, string>): Promise<Answer> =>
      this.#get<Answer>(path, query);
    if (root !== undefined && root !== "") return proxiedTree(this.#http, json, root);
    return kind === "trace" ? traceTree(this.#http, id) : ownedTree(this.#http, json, kind, id);
  }

  async *#pages(path: string, call: object): AsyncGenerator<Record<string, unknown>> {
    let token: unknown;
    do {
      const body: object = token === undefined ? call : { ...call, page_token: token };
      const page = await this.#json<Record<string, unknown>>(path, { json: body });
      yield page;
      token = page["next_page_token"] || undefined;
    } while (token !== undefined);
  }

  #get<Answer>(path: string, query: NonNullable<Call["query"]>): Promise<Answer> {
    return this.#json(path, { query });
  }

  async #json<Answer>(path: string, call: Call): Promise<Answer> {
    const text = await this.#http.text(path, call);
    try {
      const answer = parsed(text);
      if (typeof answer === "object" && answer !== null) return answer as Answer;
    } catch {
      // Said below.
    }
    throw new SlipwayError("IMPORT_SOURCE_UNEXPECTED", `no MLflow server seems to be at ${this.url}`, {
      where: path,
      given: text.slice(0, 100),
    });
  }
}

/** Null: it may be tried again. */
function refusal(url: string, status: number, body: string, headers: Headers): Error | null {
  if ([408, 425, 429, 502, 503, 504].includes(status)) return null;
  if (status === 401 || status === 403)
    return new SlipwayError("IMPORT_SOURCE_LOGIN", `the server at ${url} wants to know who asks`, {
      given: String(status),
    });
  if (status >= 300 && status < 400)
    return new SlipwayError("IMPORT_SOURCE_UNEXPECTED", `the server at ${url} sends callers elsewhere`, {
      given: headers.get("location")?.slice(0, 200) ?? String(status),
    });
  let said: { error_code?: unknown; message?: unknown } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    // No MLflow error.
  }
  const code = typeof said.error_code === "string" ? said.error_code : "";
  const message = typeof said.message === "string" ? said.message : `it answered ${status}`;
  return new SourceError(status, code, message.slice(0, 500));
}
