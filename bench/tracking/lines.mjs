// The lines of the benchmark: what is sent, and what stands in the way of measuring it on a server.
import { HISTORY_POINTS, STREAMS } from "./prepare.mjs";
import { SEARCH } from "./sample-runs.mjs";

/** Ten digits that the client replaces by the next number at every sending. */
const NEXT = 1_999_999_999;
const MB = 1024 * 1024;

const json = (path, body) => ({
  method: "POST",
  path: `/api/2.0/mlflow/${path}`,
  body: JSON.stringify(body),
});
const get = (path) => ({ method: "GET", path: `/api/2.0/mlflow/${path}` });
const streams = (make) => Array.from({ length: STREAMS }, (_, index) => [make(index)]);

/** `count` points: as many keys at one step as a call has in everyday use (100), then further steps. */
/** A request that logs so many metrics in one run. */
export function batch(runId, count) {
  const metrics = Array.from({ length: count }, (_, index) => ({
    key: `metric_${index % 100}`,
    value: Number((index * 0.0137).toFixed(4)),
    timestamp: 1_771_999_999_999,
    step: NEXT * 10 + Math.floor(index / 100),
  }));
  return json("runs/log-batch", { run_id: runId, metrics });
}

const write = (name, make) => ({ name, job: (ids) => ({ streams: streams((index) => make(ids, index)) }) });
const read = (name, make) => ({ name, job: (ids) => ({ streams: [[make(ids)]] }) });
const inRegistry = (line) => ({ ...line, needs: "registry" });

function search(size) {
  return {
    ...read(`search over ${size / 1000} k runs`, (ids) =>
      json("runs/search", { experiment_ids: [ids.experiments[size]], ...SEARCH }),
    ),
    size,
  };
}

/** One sending goes through all pages. */
function pages(size) {
  const name = `all pages of ${size / 1000} k runs`;
  return {
    name,
    size,
    connections: [1],
    target: { maxMs: 1_000 },
    skipIfQuick: ["mlflow"],
    job(ids) {
      const first = { experiment_ids: [ids.experiments[size]], max_results: 1000 };
      return { kind: "pages", streams: [[json("runs/search", first)]], pages: first, maxRequests: 3 };
    },
  };
}

function artifact(name, megabytes, method) {
  const path = (index) => `/api/2.0/mlflow-artifacts/artifacts/bench/${megabytes}mb-${index}.bin`;
  const isLarge = megabytes > 100;
  return {
    name,
    needs: "artifacts",
    noTarget: true,
    large: isLarge,
    ...(isLarge ? { connections: [1] } : {}),
    job: () => ({
      ...(isLarge ? { maxRequests: 2 } : {}),
      streams: streams((index) => ({
        method,
        path: path(index),
        ...(method === "PUT" ? { bodyBytes: megabytes * MB } : {}),
      })),
    }),
  };
}

/** Searches come before the writes that let the databases grow, by as much as each server is fast. */
export function allLines(sizes) {
  return [
    read("get run (50 metrics, 50 params, 20 tags)", (ids) => get(`runs/get?run_id=${ids.wideRun}`)),
    read(`history of ${HISTORY_POINTS / 1000} k points`, (ids) =>
      get(`metrics/get-history?run_id=${ids.historyRun}&metric_key=loss&max_results=25000`),
    ),
    ...sizes.map(search),
    pages(10_000),
    inRegistry(read("model search", () => get("registered-models/search?max_results=100"))),
    inRegistry(
      read("version search", () => get("model-versions/search?filter=name%3D%27fixed-0%27&max_results=100")),
    ),
    write("create run", (ids) =>
      json("runs/create", {
        experiment_id: ids.writes,
        start_time: 1_771_999_999_999,
        tags: [
          { key: "mlflow.user", value: "ada" },
          { key: "mlflow.source.name", value: "train.py" },
          { key: "mlflow.runName", value: "bold-finch-7" },
        ],
      }),
    ),
    write("log one metric", (ids, index) =>
      json("runs/log-metric", {
        run_id: ids.runs[index],
        key: "loss",
        value: 0.125,
        timestamp: 1_771_999_999_999,
        step: NEXT,
      }),
    ),
    write("log-batch of 100", (ids, index) => batch(ids.runs[index], 100)),
    write("log-batch of 1000", (ids, index) => batch(ids.runs[index], 1000)),
    inRegistry(write("create model", () => json("registered-models/create", { name: `model-${NEXT}` }))),
    inRegistry(
      write("create version", (ids, index) =>
        json("model-versions/create", { name: `versions-${index}`, ...ids.version }),
      ),
    ),
    artifact("upload 1 MB", 1, "PUT"),
    artifact("download 1 MB", 1, "GET"),
    artifact("upload 1 GB", 1024, "PUT"),
    artifact("download 1 GB", 1024, "GET"),
  ];
}

/** Why a line isn't measured on a server, or undefined. */
export function reasonNotToRun(line, kind, options) {
  if (line.needs === "registry" && !kind.registry) return "it has no model registry";
  if (line.needs === "artifacts" && !kind.artifacts) return "it takes no uploads";
  if (line.large && options.quick) return "--quick";
  if (options.quick && line.skipIfQuick?.includes(kind.name)) return "--quick: it takes a minute";
  return undefined;
}
