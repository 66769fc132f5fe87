import { ownArtifactPath } from "../artifacts/tenant-root.ts";
import type { TrackingDeps, TrackingRouteDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { invalid } from "../wire/errors.ts";
import {
  messages,
  optionalEnum,
  optionalInt64,
  optionalMessage,
  optionalString,
  string,
  stringOrEmpty,
  strings,
} from "../wire/fields.ts";
import { atMost, checkName, LIMITS } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { DELETE_BATCH, deleteTraces } from "./delete-command.ts";
import { linkPromptsToTrace, linkTracesToRun } from "./link-commands.ts";
import { TAG, TRACE_LIMITS } from "./names.ts";
import { checkTraceId, traceExperiment } from "./rows.ts";
import { endOldTrace, startOldTrace, startTrace } from "./start-commands.ts";
import { setTraceTag } from "./tag-commands.ts";
import { readOldEntries, readTime, readTraceInfo } from "./trace-info.ts";

/** Bytes of a trace's metadata, tags and assessments. */
const MAX_BODY = 16 * 1024 * 1024;
/** Traces of one request to link, ids of one to delete, prompt versions of one to link. */
const MAX_LINKS = 100;
const MAX_DELETED_IDS = 10_000;
const OLD_STATES = ["TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"] as const;

export type TraceRouteDeps = TrackingDeps & Pick<TrackingRouteDeps, "blobs" | "logDefect">;

export function writeRoutes(deps: TraceRouteDeps): MlflowRoute[] {
  const { db, clock } = deps;
  const setTag = async ({ fields, params, workspace }: MlflowCall, isSet: boolean): Promise<object> => {
    const traceId = checkTraceId(params["traceId"] ?? "");
    const key = tagKey(string(fields, "key"), isSet);
    const value = isSet ? stringOrEmpty(fields, "value").slice(0, TRACE_LIMITS.tagValue) : null;
    await db.write(setTraceTag, { workspace, traceId, key, value });
    return {};
  };
  return [
    {
      method: "POST",
      path: "traces",
      access: "write",
      maxBody: MAX_BODY,
      handle: (call) => start(deps, call),
    },
    {
      method: "PATCH",
      path: "traces/:traceId",
      access: "write",
      maxBody: MAX_BODY,
      async handle({ fields, params, workspace }) {
        const state = optionalEnum(fields, "status", OLD_STATES) ?? "TRACE_STATUS_UNSPECIFIED";
        const args = {
          workspace,
          traceId: checkTraceId(params["traceId"] ?? ""),
          endTime: readTime(fields),
          state: state === "TRACE_STATUS_UNSPECIFIED" ? ("STATE_UNSPECIFIED" as const) : state,
          ...readOldEntries(fields),
        };
        return { trace_info: await db.write(endOldTrace, args) };
      },
    },
    { method: "PATCH", path: "traces/:traceId/tags", access: "write", handle: (call) => setTag(call, true) },
    {
      method: "DELETE",
      path: "traces/:traceId/tags",
      access: "write",
      handle: (call) => setTag(call, false),
    },
    { method: "POST", path: "traces/delete-traces", access: "write", handle: (call) => remove(deps, call) },
    {
      method: "POST",
      path: "traces/link-to-run",
      access: "write",
      async handle({ fields, workspace }) {
        const runId = string(fields, "run_id");
        const traceIds = required(strings(fields, "trace_ids"), "trace_ids").map(checkTraceId);
        if (traceIds.length > MAX_LINKS) {
          throw invalid(
            `Cannot link more than ${MAX_LINKS} traces to a run in a single request. Provided ${traceIds.length} traces.`,
          );
        }
        await db.write(linkTracesToRun, { workspace, runId, traceIds, now: clock.now() });
        return {};
      },
    },
    {
      method: "POST",
      path: "traces/link-prompts",
      access: "write",
      async handle({ fields, workspace }) {
        const traceId = checkTraceId(string(fields, "trace_id"));
        const versions = required(messages(fields, "prompt_versions"), "prompt_versions");
        if (versions.length > MAX_LINKS) throw invalid(`Cannot link more than ${MAX_LINKS} prompt versions.`);
        const prompts = versions.map((item) => {
          const version = string(item, "version");
          if (!/^\d{1,10}$/.test(version)) throw invalid(`Invalid prompt version '${version.slice(0, 50)}'.`);
          const name = string(item, "name");
          atMost(name, LIMITS.modelName, "The prompt's name");
          return `${name}/${Number(version)}`;
        });
        await db.write(linkPromptsToTrace, { workspace, traceId, prompts });
        return {};
      },
    },
  ];
}

/** Both ways to begin a trace have one address; the new one sends the trace as a message of its own. */
async function start({ db, clock, ids }: TrackingDeps, { fields, workspace }: MlflowCall): Promise<object> {
  const trace = optionalMessage(fields, "trace");
  if (trace) {
    const message = optionalMessage(trace, "trace_info");
    if (!message) throw invalid("Missing value for required parameter 'trace.trace_info'.");
    const info = readTraceInfo(message, () => `a-${ids.hex()}`, clock.now());
    return { trace: { trace_info: await db.write(startTrace, { workspace, info }) } };
  }
  const experiment = optionalString(fields, "experiment_id");
  if (experiment === undefined) throw invalid("Missing value for required parameter 'trace'.");
  const old = {
    traceId: `tr-${ids.hex()}`,
    experimentId: experimentNumber(experiment),
    requestTime: readTime(fields),
    ...readOldEntries(fields),
  };
  return { trace_info: await db.write(startOldTrace, { workspace, trace: old }) };
}

/** In batches, each a write of its own, so that others get their turn. */
async function remove(deps: TraceRouteDeps, { fields, workspace }: MlflowCall): Promise<object> {
  const { db } = deps;
  const experimentId = experimentNumber(string(fields, "experiment_id"));
  const maxTime = optionalInt64(fields, "max_timestamp_millis");
  const maxTraces = optionalInt64(fields, "max_traces");
  const ids = strings(fields, "request_ids");
  if (maxTime === undefined && ids.length === 0) {
    throw invalid("Either `max_timestamp_millis` or `trace_ids` must be specified.");
  }
  if (maxTime !== undefined && ids.length > 0) {
    throw invalid("Only one of `max_timestamp_millis` and `trace_ids` can be specified.");
  }
  if (ids.length > 0 && maxTraces !== undefined) {
    throw invalid("`max_traces` can't be specified if `trace_ids` is specified.");
  }
  if (maxTraces !== undefined && maxTraces <= 0) {
    throw invalid(`\`max_traces\` must be a positive integer, received ${maxTraces}.`);
  }
  if (ids.length > MAX_DELETED_IDS) throw invalid(`At most ${MAX_DELETED_IDS} traces can be named at once.`);
  const named = [...new Set(ids.map(checkTraceId))];
  const scope = { workspace, experimentId, maxTime: maxTime === undefined ? null : Number(maxTime) };
  let left = maxTraces === undefined ? Number.MAX_SAFE_INTEGER : Number(maxTraces);
  let deleted = 0;
  for (let at = 0; ; at += DELETE_BATCH) {
    const traceIds = named.length > 0 ? named.slice(at, at + DELETE_BATCH) : null;
    if (traceIds?.length === 0 || left === 0) break;
    const limit = Math.min(left, DELETE_BATCH);
    const gone = await db.write(deleteTraces, { ...scope, traceIds, limit });
    await removeFiles(deps, workspace, experimentId, gone);
    deleted += gone.length;
    left -= gone.length;
    if (!traceIds && gone.length < limit) break;
  }
  return { traces_deleted: deleted };
}

/** What clients have uploaded of traces that are gone. A file that can't be removed is no reason to fail: nothing names it. */
async function removeFiles(
  { db, blobs, logDefect }: TraceRouteDeps,
  workspace: string,
  experimentId: number,
  traceIds: readonly string[],
): Promise<void> {
  if (traceIds.length === 0) return;
  const experiment = await db.read((tx) => traceExperiment(tx, workspace, experimentId));
  const root = ownArtifactPath(experiment.artifact_location, workspace);
  if (root === undefined) return;
  for (const id of traceIds) {
    await blobs.delete(`${root}/traces/${id}`).catch((error: unknown) => logDefect(error, `files of ${id}`));
  }
}

/** A tag's key that a client may set, or remove. */
function tagKey(key: string, isSet: boolean): string {
  const isOurs = ([TAG.spansLocation, TAG.archiveLocation] as string[]).includes(key);
  if (isOurs || (isSet && key === TAG.archivalFailure)) {
    throw invalid(`Tag '${key}' is immutable and cannot be ${isSet ? "set" : "deleted"} on a trace.`);
  }
  atMost(key, TRACE_LIMITS.key, "The tag's key");
  return checkName(key, "key");
}

function required<Item>(list: Item[], name: string): Item[] {
  if (list.length > 0) return list;
  throw invalid(`Missing value for required parameter '${name}'.`);
}
