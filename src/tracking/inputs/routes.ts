import type { TrackingDeps } from "../deps.ts";
import { invalid } from "../wire/errors.ts";
import {
  absent,
  messages,
  optionalInt64,
  optionalMessage,
  optionalString,
  runId,
  string,
  stringOrEmpty,
  type Fields,
} from "../wire/fields.ts";
import { LIMITS, within } from "../wire/limits.ts";
import type { MlflowRoute } from "../wire/routes.ts";
import { logInputs, logOutputs, type Dataset } from "./commands.ts";

/** A dataset's profile alone may have 16 MiB. */
const MAX_BODY = 64 * 1024 * 1024;
const MAX_INPUTS = 1000;

export function inputRoutes({ db }: TrackingDeps): MlflowRoute[] {
  return [
    {
      method: "POST",
      path: "runs/log-inputs",
      access: "write",
      maxBody: MAX_BODY,
      async handle({ fields, workspace }) {
        const datasets = bounded(messages(fields, "datasets"), "datasets");
        const models = bounded(messages(fields, "models"), "models");
        await db.write(logInputs, {
          workspace,
          runId: runId(fields),
          datasets: datasets.map(datasetInput),
          modelIds: models.map((model) => string(model, "model_id")),
        });
        return {};
      },
    },
    {
      method: "POST",
      path: "runs/outputs",
      access: "write",
      async handle({ fields, workspace }) {
        const models = bounded(messages(fields, "models"), "models");
        if (fields["models"] === undefined || fields["models"] === null) throw absent("models");
        await db.write(logOutputs, {
          workspace,
          runId: runId(fields),
          models: models.map((model) => ({
            modelId: string(model, "model_id"),
            step: optionalInt64(model, "step") ?? 0,
          })),
        });
        return {};
      },
    },
  ];
}

function datasetInput(fields: Fields): { dataset: Dataset; tags: { key: string; value: string }[] } {
  const dataset = optionalMessage(fields, "dataset");
  if (!dataset) throw invalid("Missing value for required parameter 'dataset'.");
  const text = (name: string, max: number): string | null => {
    const value = optionalString(dataset, name) ?? null;
    if (value !== null) within(value, max, name);
    return value;
  };
  string(dataset, "name");
  string(dataset, "digest");
  return {
    dataset: {
      name: text("name", LIMITS.datasetName) ?? "",
      digest: text("digest", LIMITS.datasetDigest) ?? "",
      sourceType: text("source_type", LIMITS.datasetName) ?? "",
      source: text("source", LIMITS.datasetSource) ?? "",
      schema: text("schema", LIMITS.datasetSchema),
      profile: text("profile", LIMITS.datasetProfile),
    },
    tags: messages(fields, "tags").map((tag) => {
      const [key, value] = [string(tag, "key"), stringOrEmpty(tag, "value")];
      within(key, LIMITS.inputTagKey, "key");
      within(value, LIMITS.inputTagValue, "value");
      return { key, value };
    }),
  };
}

function bounded(list: Fields[], name: string): Fields[] {
  if (list.length > MAX_INPUTS)
    throw invalid(`At most ${MAX_INPUTS} ${name} in one call; got ${list.length}.`);
  return list;
}
