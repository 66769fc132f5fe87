import type { ExperimentIn, LoggedModelIn, RegisteredModelIn, RunIn, VersionIn } from "../wire.ts";
import { proxiedPath } from "./file-tree.ts";
import type {
  Entry,
  Experiment,
  LoggedModel,
  MetricMessage,
  ModelVersion,
  RegisteredModel,
  Run,
  Span,
} from "./messages.ts";

/** MLflow's messages as the import API takes them. Pure. */

export function experimentIn(experiment: Experiment): ExperimentIn {
  return {
    id: experiment.experiment_id,
    name: experiment.name,
    stage: experiment.lifecycle_stage,
    createdAt: time(experiment.creation_time),
    updatedAt: time(experiment.last_update_time ?? experiment.creation_time),
    tags: entries(experiment.tags),
  };
}

export function idOf({ info }: Run): string {
  return info.run_id ?? info.run_uuid ?? "";
}

export function runIn({ info, data, inputs, outputs }: Run, experimentId: string): RunIn {
  return {
    id: info.run_id ?? info.run_uuid ?? "",
    experimentId,
    name: info.run_name ?? "",
    user: info.user_id ?? "",
    status: info.status as RunIn["status"],
    startedAt: time(info.start_time),
    endedAt: info.end_time === undefined ? null : time(info.end_time),
    stage: info.lifecycle_stage,
    params: entries(data?.params),
    tags: entries(data?.tags),
    datasets: (inputs?.dataset_inputs ?? []).map(({ dataset, tags }) => ({
      name: dataset.name,
      digest: dataset.digest,
      sourceType: dataset.source_type ?? "",
      source: dataset.source ?? "",
      schema: dataset.schema ?? null,
      profile: dataset.profile ?? null,
      tags: entries(tags),
    })),
    modelInputs: (inputs?.model_inputs ?? []).map((input) => input.model_id),
    modelOutputs: (outputs?.model_outputs ?? []).map((output) => ({
      modelId: output.model_id,
      step: output.step ?? 0,
    })),
  };
}

/** NaN and the infinities travel by name; of infinities the import keeps what MLflow keeps: the largest double. */
export function metricValue(value: MetricMessage["value"]): number | "NaN" {
  if (value === "NaN") return value;
  const number = Number(value);
  if (Number.isFinite(number)) return number;
  return number > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
}

const MODEL_STATUSES = [
  "LOGGED_MODEL_STATUS_UNSPECIFIED",
  "LOGGED_MODEL_PENDING",
  "LOGGED_MODEL_READY",
  "LOGGED_MODEL_UPLOAD_FAILED",
] as const;

export function loggedModelIn({ info, data }: LoggedModel, experimentId: string): LoggedModelIn {
  const status = typeof info.status === "number" ? MODEL_STATUSES[info.status] : info.status;
  return {
    id: info.model_id,
    experimentId,
    name: info.name,
    type: info.model_type || null,
    status: status as LoggedModelIn["status"],
    statusMessage: info.status_message ?? null,
    sourceRunId: info.source_run_id || null,
    createdAt: time(info.creation_timestamp_ms),
    updatedAt: time(info.last_updated_timestamp_ms ?? info.creation_timestamp_ms),
    params: entries(data?.params),
    tags: entries(info.tags),
    metrics: (data?.metrics ?? []).flatMap((metric) =>
      metric.run_id === undefined
        ? []
        : [
            {
              runId: metric.run_id,
              key: metric.key,
              value: metricValue(metric.value),
              timestamp: metric.timestamp ?? 0,
              step: metric.step ?? 0,
              datasetName: metric.dataset_name ?? "",
              datasetDigest: metric.dataset_digest ?? "",
            },
          ],
    ),
  };
}

export function registeredModelIn(model: RegisteredModel): Omit<RegisteredModelIn, "versions"> {
  return {
    name: model.name,
    description: model.description ?? "",
    createdAt: time(model.creation_timestamp),
    updatedAt: time(model.last_updated_timestamp ?? model.creation_timestamp),
    tags: entries(model.tags),
    aliases: (model.aliases ?? []).map(({ alias, version }) => ({ alias, version: Number(version) })),
  };
}

/** `runUri`: where its run's files are on the old server. */
export function versionIn(version: ModelVersion, runUri: string | undefined): VersionIn {
  const source = version.source ?? "";
  return {
    version: Number(version.version),
    description: version.description ?? "",
    user: version.user_id ?? "",
    stage: (version.current_stage || "None") as VersionIn["stage"],
    source,
    files: placeOf(source, version.run_id ?? "", runUri),
    runId: version.run_id ?? "",
    runLink: version.run_link ?? "",
    modelId: version.model_id ?? /^models:\/(m-[\w-]+)$/.exec(source)?.[1] ?? "",
    status: (version.status || "READY") as VersionIn["status"],
    createdAt: time(version.creation_timestamp),
    updatedAt: time(version.last_updated_timestamp ?? version.creation_timestamp),
    tags: entries(version.tags),
  };
}

/** Which run's or logged model's files a version's source names. */
export function placeOf(source: string, runId: string, runUri: string | undefined): VersionIn["files"] {
  const [, ofRun, inRun] = /^runs:\/([\w-]+)\/+(.+)$/.exec(source) ?? [];
  if (ofRun !== undefined && inRun !== undefined) return { kind: "run", id: ofRun, path: trimmed(inRun) };
  const [, ofModel] = /^models:\/(m-[\w-]+)$/.exec(source) ?? [];
  if (ofModel !== undefined) return { kind: "logged-model", id: ofModel, path: "" };
  if (runUri !== undefined && runId !== "") {
    // The same place by one scheme: with and without the server's name.
    const [at, root] = [source, runUri].map((uri) => trimmed(proxiedPath(uri) ?? uri));
    if (at !== undefined && root !== undefined && `${at}/`.startsWith(`${root}/`))
      return { kind: "run", id: runId, path: at.slice(root.length + 1) };
  }
  const [, model, path] = /\/models\/(m-[\w-]+)\/artifacts(?:\/(.*))?$/.exec(source) ?? [];
  if (model !== undefined) return { kind: "logged-model", id: model, path: trimmed(path ?? "") };
  // Of a version whose steps were reused the files are another run's.
  const [, run, inThat] = /\/([0-9a-f]{32})\/artifacts(?:\/(.*))?$/.exec(proxiedPath(source) ?? "") ?? [];
  return run === undefined ? null : { kind: "run", id: run, path: trimmed(inThat ?? "") };
}

/** A span of proto JSON, whose ids are base 64, in OTLP's JSON, where they are hexadecimal. */
export function otlpSpan(span: Span): Span {
  const links = Array.isArray(span["links"]) ? (span["links"] as Span[]) : [];
  return {
    ...span,
    trace_id: hex(span["trace_id"]),
    span_id: hex(span["span_id"]),
    parent_span_id: hex(span["parent_span_id"]),
    links: links.map((link) => ({ ...link, trace_id: hex(link["trace_id"]), span_id: hex(link["span_id"]) })),
  };
}

function hex(base64: unknown): string {
  return typeof base64 === "string" ? Buffer.from(base64, "base64").toString("hex") : "";
}

function entries(list: readonly Entry[] = []): { key: string; value: string }[] {
  return list.map(({ key, value }) => ({ key, value: value ?? "" }));
}

function time(value: number | string | undefined): number {
  const number = Number(value ?? 0);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, "");
}
