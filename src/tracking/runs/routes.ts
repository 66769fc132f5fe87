import type { TrackingRouteDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { VIEW_TYPES } from "../experiments/search.ts";
import { metricPoint } from "../metrics/metric.ts";
import { deleteRunTag } from "../tags/commands.ts";
import { invalid } from "../wire/errors.ts";
import {
  count,
  messages,
  optionalEnum,
  optionalInt64,
  optionalString,
  requireInEach,
  runId,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../wire/fields.ts";
import { LIMITS, looseKeyValue, paramOf, tagOf, within, type KeyValue } from "../wire/limits.ts";
import { jsonObject } from "../wire/json.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { createRun, recordModel, setRunStage, updateRun } from "./commands.ts";
import { checkBatch, checkRunId, logToRun, type LogArgs } from "./log.ts";
import { newRunMessage, runMessages } from "./messages.ts";
import { runNameFrom } from "./names.ts";
import { runRow, RUN_STATUSES } from "./queries.ts";
import { searchRuns } from "./search.ts";

export function runRoutes(deps: TrackingRouteDeps): MlflowRoute[] {
  return [...lifecycleRoutes(deps), ...readRoutes(deps), ...logRoutes(deps)];
}

function lifecycleRoutes({ db, clock, ids }: TrackingRouteDeps): MlflowRoute[] {
  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const id = ids.hex();
    const tags = messages(fields, "tags").map(looseTagOf);
    const runName = chosenName(optionalString(fields, "run_name"), tags) ?? runNameFrom(id);
    const run = {
      run_id: id,
      experiment_id: experimentNumber(optionalString(fields, "experiment_id") || "0"),
      run_name: runName,
      user_id: stringOrEmpty(fields, "user_id"),
      start_time: optionalInt64(fields, "start_time") ?? clock.now(),
    };
    const all = [...tags.filter((tag) => tag.key !== RUN_NAME), { key: RUN_NAME, value: runName }];
    const { artifactUri } = await db.write(createRun, {
      workspace,
      runId: id,
      experimentId: run.experiment_id,
      runName,
      userId: run.user_id,
      startTime: run.start_time,
      tags: all,
    });
    return { run: newRunMessage({ ...run, artifact_uri: artifactUri }, all) };
  }
  async function update({ fields, workspace }: MlflowCall): Promise<object> {
    const info = await db.write(updateRun, {
      workspace,
      runId: runId(fields),
      status: optionalEnum(fields, "status", RUN_STATUSES, 1),
      endTime: optionalInt64(fields, "end_time"),
      runName: optionalString(fields, "run_name"),
    });
    return { run_info: info };
  }
  const setStage =
    (stage: "active" | "deleted") =>
    async ({ fields, workspace }: MlflowCall): Promise<object> => {
      await db.write(setRunStage, { workspace, runId: runId(fields), stage, now: clock.now() });
      return {};
    };
  return [
    { method: "POST", path: "runs/create", access: "write", handle: create },
    { method: "POST", path: "runs/update", access: "write", handle: update },
    { method: "POST", path: "runs/delete", access: "write", handle: setStage("deleted") },
    { method: "POST", path: "runs/restore", access: "write", handle: setStage("active") },
  ];
}

function readRoutes({ db }: TrackingRouteDeps): MlflowRoute[] {
  return [
    {
      method: "GET",
      path: "runs/get",
      access: "read",
      handle: ({ fields, workspace }) =>
        db.read(async (tx) => {
          const [run] = await runMessages(tx, [await runRow(tx, workspace, runId(fields))]);
          return jsonObject({ run });
        }),
    },
    {
      method: "POST",
      path: "runs/search",
      access: "read",
      handle: ({ fields, workspace }) =>
        db.read((tx) =>
          searchRuns(tx, {
            workspace,
            experimentIds: strings(fields, "experiment_ids").map(experimentNumber),
            filter: stringOrEmpty(fields, "filter"),
            orderBy: strings(fields, "order_by"),
            view: optionalEnum(fields, "run_view_type", VIEW_TYPES, 1) ?? "ACTIVE_ONLY",
            limit: count(fields, "max_results", 1000, 50_000),
            pageToken: optionalString(fields, "page_token") || undefined,
          }),
        ),
    },
  ];
}

function logRoutes({ db, logged }: TrackingRouteDeps): MlflowRoute[] {
  async function log(args: LogArgs): Promise<object> {
    await db.write(logToRun, args);
    if (args.metrics.length > 0 || args.params.length > 0) {
      logged.publish(args.runId, {
        metrics: Object.fromEntries(args.metrics.map((m) => [m.key, m.isNan ? Number.NaN : m.value])),
        params: Object.fromEntries(args.params.map((param) => [param.key, param.value])),
      });
    }
    return {};
  }
  async function logBatch({ fields, workspace }: MlflowCall): Promise<object> {
    const [metrics, params, tags] = [
      messages(fields, "metrics"),
      messages(fields, "params"),
      messages(fields, "tags"),
    ];
    requireInEach(metrics, "metrics", ["key", "value", "timestamp"]);
    requireInEach(params, "params", ["key"]);
    requireInEach(tags, "tags", ["key"]);
    const args: LogArgs = {
      workspace,
      runId: checkRunId(runId(fields)),
      metrics: metrics.map((metric, index) => metricPoint(metric, `metrics[${index}]`)),
      params: params.map((param, index) => paramOf(param, `params[${index}]`)),
      tags: tags.map((tag, index) => tagOf(tag, `tags[${index}]`)),
    };
    checkBatch(args);
    return log(args);
  }
  const one =
    (read: (fields: Fields) => Partial<LogArgs>) =>
    ({ fields, workspace }: MlflowCall): Promise<object> =>
      log({ workspace, runId: runId(fields), metrics: [], params: [], tags: [], ...read(fields) });
  return [
    { method: "POST", path: "runs/log-batch", access: "write", maxBody: LIMITS.batchBytes, handle: logBatch },
    {
      method: "POST",
      path: "runs/log-metric",
      access: "write",
      handle: one((fields) => ({ metrics: [metricPoint(fields)] })),
    },
    {
      method: "POST",
      path: "runs/log-parameter",
      access: "write",
      handle: one((fields) => ({ params: [paramOf(fields)] })),
    },
    {
      method: "POST",
      path: "runs/set-tag",
      access: "write",
      handle: one((fields) => ({ tags: [tagOf(fields)] })),
    },
    {
      method: "POST",
      path: "runs/delete-tag",
      access: "write",
      async handle({ fields, workspace }) {
        await db.write(deleteRunTag, { workspace, runId: runId(fields), key: string(fields, "key") });
        return {};
      },
    },
    {
      method: "POST",
      path: "runs/log-model",
      access: "write",
      async handle({ fields, workspace }) {
        const modelJson = string(fields, "model_json");
        checkModelInfo(modelJson);
        await db.write(recordModel, { workspace, runId: runId(fields), modelJson });
        return {};
      },
    },
  ];
}

const RUN_NAME = "mlflow.runName";

/** MLflow looks at the tags of a new run less closely than at those of one that is there. */
function looseTagOf(fields: Fields): KeyValue {
  const { key, value } = looseKeyValue(fields);
  return { key, value: within(value, LIMITS.tagValue, "value") };
}

/** The name in the request or in its tag; both must agree. */
function chosenName(name: string | undefined, tags: readonly KeyValue[]): string | undefined {
  const tag = tags.find(({ key }) => key === RUN_NAME)?.value;
  if (name && tag && name !== tag) {
    throw invalid(
      `Both 'run_name' argument and '${RUN_NAME}' tag are specified, but with different values ` +
        `(run_name='${name}', ${RUN_NAME}='${tag}').`,
    );
  }
  return name || tag || undefined;
}

const MODEL_INFO = ["artifact_path", "flavors", "utc_time_created", "run_id"];

function checkModelInfo(text: string): void {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch {
    throw invalid(`Malformed model info. \n ${text} \n is not a valid JSON.`);
  }
  if (typeof info !== "object" || info === null || Array.isArray(info)) {
    throw invalid(`Malformed model info. \n ${text} \n is not a JSON object.`);
  }
  const absentOnes = MODEL_INFO.filter((name) => !(name in info));
  if (absentOnes.length > 0) {
    throw invalid(`Model json is missing mandatory fields: {'${absentOnes.join("', '")}'}`);
  }
}
