import { invalid } from "./errors.ts";
import { string, stringOrEmpty, type Fields } from "./fields.ts";

/** MLflow's limits (mlflow/utils/validation.py of 3.17). Lengths are in characters. */
export const LIMITS = {
  batchMetrics: 1000,
  batchParams: 100,
  batchTags: 100,
  batchEntities: 1000,
  batchBytes: 1_000_000,
  key: 250,
  paramValue: 6000,
  tagValue: 8000,
  experimentName: 500,
  experimentTagValue: 20_000,
  registryTagValue: 100_000,
  modelName: 256,
  alias: 255,
  datasetName: 500,
  datasetDigest: 36,
  datasetSchema: 1_048_575,
  datasetSource: 65_535,
  datasetProfile: 16_777_215,
  inputTagKey: 255,
  inputTagValue: 500,
  description: 100_000,
} as const;

export interface KeyValue {
  key: string;
  value: string;
}

/** A `{key, value}` message within MLflow's limits. */
export function keyValue(fields: Fields, what: string, maxValue: number): KeyValue {
  const key = checkKey(string(fields, "key"), what);
  const value = stringOrEmpty(fields, "value");
  atMost(value, maxValue, `${what} value for key '${key}'`);
  return { key, value };
}

/** Keys name files in MLflow's file store; whatever could leave its folder is refused there and here. */
export function checkKey(key: string, what: string): string {
  atMost(key, LIMITS.key, `${what} key`);
  if (!/^[/\w.\- :\p{L}\p{N}]*$/u.test(key)) {
    throw invalid(
      `Invalid ${what} name: '${key}'. Names may only contain alphanumerics, underscores (_), dashes (-), ` +
        "periods (.), spaces ( ), colons (:) and slashes (/).",
    );
  }
  if (key.startsWith("/") || key.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw invalid(`Invalid ${what} name: '${key}'. Names may be treated as files in certain cases.`);
  }
  return key;
}

export function atMost(value: string, max: number, what: string): void {
  if (value.length > max) {
    throw invalid(`${what} exceeds the maximum length of ${max} characters: it has ${value.length}.`);
  }
}
