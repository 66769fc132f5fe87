import { posix } from "node:path";
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
  loggedModelName: 500,
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

/** A `{key, value}` message within MLflow's limits; `path` is what its messages call it, such as `tags[0]`. */
export function keyValue(fields: Fields, path: string, maxValue: number): KeyValue {
  const key = checkName(string(fields, "key"), path === "" ? "key" : `${path}.key`);
  const value = stringOrEmpty(fields, "value");
  within(key, LIMITS.key, path === "" ? "key" : `${path}.key`);
  within(value, maxValue, path === "" ? "value" : `${path}.value`);
  return { key, value };
}

/** A run's param. MLflow's server, unless told otherwise, cuts a value that is too long. */
export function paramOf(fields: Fields, path = ""): KeyValue {
  const key = checkName(string(fields, "key"), path === "" ? "key" : `${path}.key`);
  within(key, LIMITS.key, "Param key");
  return { key, value: cut(stringOrEmpty(fields, "value"), LIMITS.paramValue) };
}

/** A run's tag; see paramOf. */
export function tagOf(fields: Fields, path = ""): KeyValue {
  const place = path === "" ? "key" : `${path}.key`;
  const key = checkName(string(fields, "key"), place);
  within(key, LIMITS.key, place);
  return { key, value: cut(stringOrEmpty(fields, "value"), LIMITS.tagValue) };
}

/** A pair whose key MLflow doesn't look at, as of logged models and of runs that are made: only bounded. */
export function looseKeyValue(fields: Fields): KeyValue {
  const key = string(fields, "key");
  within(key, LIMITS.key, "key");
  return { key, value: stringOrEmpty(fields, "value") };
}

/** Keys name files in MLflow's file store; whatever could leave its folder is refused there and here. */
export function checkName(name: string, path: string): string {
  const wrong = (why: string): Error =>
    invalid(`Invalid value ${JSON.stringify(name)} for parameter '${path}' supplied: ${why}`);
  if (!/^[/\w.\- :\p{L}\p{N}]*$/u.test(name)) {
    throw wrong(
      "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), " +
        "colon(:) and slashes (/).",
    );
  }
  checkResolved(name, path);
  return name;
}

/** Refuses a name that a file system would take for another one. */
export function checkResolved(name: string, path: string): void {
  const resolved = normalised(name);
  if (resolved === name && name !== "." && !name.startsWith("..") && !name.startsWith("/")) return;
  throw invalid(
    `Invalid value ${JSON.stringify(name)} for parameter '${path}' supplied: Names may be treated as files in ` +
      "certain cases, and must not resolve to other names when treated as such. " +
      `This name would resolve to '${resolved}'`,
  );
}

/** As Python's posixpath.normpath: without a slash at the end. */
function normalised(name: string): string {
  const path = posix.normalize(name);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Lengths are in characters, as Python counts them: a pair of surrogates is one. */
function isLonger(value: string, max: number): boolean {
  return value.length > max && [...value].length > max;
}

/** Refuses what is too long, in MLflow's words. */
export function within(value: string, max: number, what: string): string {
  if (isLonger(value, max)) throw invalid(`'${what}' exceeds the maximum length of ${max} characters`);
  return value;
}

function cut(value: string, max: number): string {
  return isLonger(value, max) ? [...value].slice(0, max).join("") : value;
}

export function atMost(value: string, max: number, what: string): void {
  if (isLonger(value, max)) {
    throw invalid(`${what} exceeds the maximum length of ${max} characters: it has ${[...value].length}.`);
  }
}
