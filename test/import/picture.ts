import { createHash } from "node:crypto";
import { call } from "./fill.ts";

type Message = Record<string, unknown>;

/**
 * Everything that a server of MLflow's API answers about what it holds, as one value: equal for two servers that
 * hold the same. Lists that have no order of their own are sorted.
 */
export async function pictureOf(url: string, experimentIds: readonly string[]): Promise<object> {
  const get = <Answer = Message>(path: string, fields: object): Promise<Answer> =>
    call<Answer>(url, "GET", path, fields);
  const experiments = await Promise.all(
    experimentIds.map(
      async (id) => (await get("2.0/mlflow/experiments/get", { experiment_id: id }))["experiment"],
    ),
  );
  const { runs = [] } = await call<{ runs?: Run[] }>(url, "POST", "2.0/mlflow/runs/search", {
    experiment_ids: experimentIds,
    run_view_type: "ALL",
    max_results: 1000,
    order_by: ["attributes.start_time ASC"],
  });
  const histories: Message = {};
  const files: Message = {};
  for (const { info, data } of runs) {
    for (const { key } of data.metrics ?? [])
      histories[`${info.run_id} ${key}`] = await get("2.0/mlflow/metrics/get-history", {
        run_id: info.run_id,
        metric_key: key,
      });
    await addFiles(url, `${info.experiment_id}/${info.run_id}/artifacts`, files);
  }
  for (const id of experimentIds)
    for (const folder of ["models", "traces"]) await addFiles(url, `${id}/${folder}`, files);
  const { models = [] } = await call<{ models?: Message[] }>(url, "POST", "2.0/mlflow/logged-models/search", {
    experiment_ids: experimentIds,
  });
  const { traces = [] } = await call<{ traces?: { trace_id: string }[] }>(
    url,
    "POST",
    "3.0/mlflow/traces/search",
    {
      locations: experimentIds.map((id) => ({
        type: "MLFLOW_EXPERIMENT",
        mlflow_experiment: { experiment_id: id },
      })),
    },
  );
  const ids = traces.map((trace) => trace.trace_id);
  const spans = ids.length === 0 ? {} : await get("3.0/mlflow/traces/batchGet", { trace_ids: ids });
  return ordered({
    experiments,
    runs,
    histories,
    files,
    models,
    traces,
    spans,
    registry: await registryOf(url),
  });
}

interface Run {
  info: { run_id: string; experiment_id: string };
  data: { metrics?: { key: string }[] };
}

async function registryOf(url: string): Promise<object> {
  const all: object[] = [];
  for (const filter of ["", "tag.`mlflow.prompt.is_prompt` = 'true'"]) {
    const { registered_models: models = [] } = await call<{
      registered_models?: { name: string; aliases?: { alias: string }[] }[];
    }>(url, "GET", "2.0/mlflow/registered-models/search", filter === "" ? {} : { filter });
    for (const { name } of models) {
      const path = "2.0/mlflow/registered-models/get";
      const { registered_model: model } = await call<{
        registered_model: { aliases?: { alias: string }[] };
      }>(url, "GET", path, { name });
      const prompt = filter === "" ? "" : ` AND ${filter}`;
      const versions = await call(url, "GET", "2.0/mlflow/model-versions/search", {
        filter: `name = '${name}'${prompt}`,
      });
      const aliased = await Promise.all(
        (model.aliases ?? []).map(({ alias }) =>
          call(url, "GET", "2.0/mlflow/registered-models/alias", { name, alias }),
        ),
      );
      all.push({ model, versions, aliased });
    }
  }
  return all;
}

/** SHA-256 of each file below a folder, by its path. */
async function addFiles(url: string, folder: string, files: Message): Promise<void> {
  const path = "2.0/mlflow-artifacts/artifacts";
  const { files: listed = [] } = await call<{ files?: { path: string; is_dir?: boolean }[] }>(
    url,
    "GET",
    path,
    {
      path: folder,
    },
  );
  for (const file of listed) {
    const name = `${folder}/${file.path}`;
    if (file.is_dir === true) {
      await addFiles(url, name, files);
      continue;
    }
    const encoded = name.split("/").map(encodeURIComponent).join("/");
    const body = await (await fetch(`${url}/api/${path}/${encoded}`)).arrayBuffer();
    files[name] = createHash("sha256").update(new Uint8Array(body)).digest("hex");
  }
}

/** Lists of things with a name have no order; neither have an object's members. */
function ordered(value: unknown): object {
  return JSON.parse(JSON.stringify(sorted(value))) as object;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    // What is empty may as well be left out; of a version only we say its logged model.
    .filter(([, item]) => item !== "" && !(Array.isArray(item) && item.length === 0))
    .filter(([key]) => !(key === "model_id" && "version" in value))
    // Nanoseconds come as numbers or as texts.
    .map(([key, item]) => [key, key.endsWith("_nano") ? String(item) : sorted(item)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}
