/** One call of MLflow's API. `$name` in its path or fields stands for an id that an earlier answer gave. */
export interface Call {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /ajax-api/2.0/mlflow; the whole path when it begins with a slash. */
  path: string;
  fields?: object;
  /** A body that isn't JSON: a file. */
  file?: string;
  /** Name for the id that this call's answer gives. */
  as?: string;
  /** The message differs for a reason (a number's notation, an order that Python doesn't fix, a hint of ours). */
  ownWords?: true;
}

/** What a server answered, with the ids it made up and its times replaced by words. */
export interface Answer {
  status: number;
  body: unknown;
}

interface Side {
  url: string;
  ids: Map<string, string>;
}

/** Two servers that are told the same and should answer the same. */
export class Pair {
  readonly #sides: readonly [Side, Side];

  constructor(first: string, second: string) {
    this.#sides = [
      { url: first, ids: new Map() },
      { url: second, ids: new Map() },
    ];
  }

  /** Both answers, comparable. */
  send(call: Call): Promise<[Answer, Answer]> {
    const [first, second] = this.#sides;
    return Promise.all([tell(first, call), tell(second, call)]);
  }
}

async function tell(side: Side, { method, path, fields = {}, file, as, ownWords }: Call): Promise<Answer> {
  const put = (text: string): string => text.replace(/\$\w+/g, (name) => side.ids.get(name.slice(1)) ?? name);
  const given = JSON.parse(put(JSON.stringify(fields))) as Record<string, unknown>;
  const url = new URL(`${side.url}${path.startsWith("/") ? "" : "/ajax-api/2.0/mlflow/"}${put(path)}`);
  if (method === "GET") {
    for (const [key, value] of Object.entries(given)) {
      for (const item of Array.isArray(value) ? value : [value]) url.searchParams.append(key, String(item));
    }
  }
  const type = file === undefined ? "application/json" : "application/octet-stream";
  const headers = { "content-type": type, "user-agent": "mlflow-differential" };
  const body = method === "GET" || method === "HEAD" ? {} : { body: file ?? JSON.stringify(given) };
  const response = await fetch(url, { method, headers, ...body });
  const text = await response.text();
  // An answer without fields may as well be empty: no client reads it.
  const answer = /^(\{|$)/.test(text) ? (JSON.parse(text || "{}") as Record<string, unknown>) : { text };
  const id = madeId(answer);
  if (as !== undefined && id !== undefined) side.ids.set(as, id);
  if (ownWords) delete (answer as Record<string, unknown>)["message"];
  return { status: response.status, body: plain(answer, side.ids) };
}

interface Made {
  experiment_id?: string;
  next_page_token?: string;
  run?: { info: { run_id: string } };
  trace_info?: { request_id: string };
  dataset?: { dataset_id: string };
  model?: { info: { model_id: string } };
}

function madeId(answer: object): string | undefined {
  const { experiment_id, run, model, trace_info, dataset, next_page_token } = answer as Made;
  const id = experiment_id ?? run?.info.run_id ?? model?.info.model_id ?? trace_info?.request_id;
  return id ?? dataset?.dataset_id ?? next_page_token;
}

const TIMES =
  /^(creation_time|created_time|last_update_time|creation_timestamp|last_updated_timestamp|(creation|last_updated)_timestamp_ms)$/;

/** Beside the code, what MLflow's own client doesn't read. */
const DROPPED = new Set(["sqlstate", "error_class"]);

/** Without what two right servers may answer differently: ids, times, tokens, empty lists, the order of tags. */
function plain(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, ids)).toSorted(byKey);
  if (typeof value === "string") return named(value, ids);
  if (typeof value !== "object" || value === null) return value;
  const isVersion = "current_stage" in value;
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    // A version's logged model is a field of MLflow's message that its server leaves out.
    if (DROPPED.has(key) || (isVersion && key === "model_id")) continue;
    // Made of its times.
    if (key === "digest" && "dataset_id" in value) continue;
    if (key === "next_page_token") kept[key] = "token";
    else if (TIMES.test(key)) kept[key] = "time";
    else {
      const item = plain(inner, ids);
      if (typeof item !== "object" || item === null || Object.keys(item).length > 0) kept[key] = item;
    }
  }
  return kept;
}

/** Tags, params and the like have no order; the newest versions of the stages neither. */
function byKey(a: unknown, b: unknown): number {
  const [first, second] = [a, b].map((item) => {
    const { key, current_stage, version } = (item ?? {}) as Record<string, string | undefined>;
    return key ?? (current_stage === undefined ? undefined : version?.padStart(9));
  });
  if (first === undefined || second === undefined || first === second) return 0;
  return first < second ? -1 : 1;
}

function named(text: string, ids: ReadonlyMap<string, string>): string {
  let found = text;
  for (const [name, id] of ids) if (id.length > 8) found = found.replaceAll(id, `$${name}`);
  // MLflow adds its database's own words.
  return found.split(" Error: ")[0] ?? "";
}
