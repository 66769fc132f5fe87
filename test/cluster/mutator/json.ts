import { parse, stringify } from "yaml";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Steps into a document; JSON and YAML say that a string is a document itself, such as a Grafana board's. */
export type Step = string | number | typeof JSON_TEXT | typeof YAML_TEXT;
export const JSON_TEXT = Symbol("json");
export const YAML_TEXT = Symbol("yaml");

/** A value and how it is reached. */
export interface Place {
  path: readonly Step[];
  value: Json;
  /** The objects and lists that it is in, the nearest last. */
  around: readonly Json[];
}

/** Every value, depth first, those in strings that are documents too. */
export function* places(
  value: Json,
  path: readonly Step[] = [],
  around: readonly Json[] = [],
): Generator<Place> {
  yield { path, value, around };
  const inside = [...around, value];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* places(item, [...path, index], inside);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) yield* places(item, [...path, key], inside);
  } else if (typeof value === "string") {
    const text = document(path, value);
    if (text !== undefined) yield* places(text.value, [...path, text.step], around);
  }
}

/** A copy in which the value at the path is what `change` makes of it; undefined takes it away. */
export function changed(
  value: Json,
  path: readonly Step[],
  change: (old: Json) => Json | undefined,
): Json | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (step === JSON_TEXT) return JSON.stringify(changed(JSON.parse(value as string) as Json, rest, change));
  if (step === YAML_TEXT) return stringify(changed(parse(value as string) as Json, rest, change));
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => {
      if (index !== step) return [item];
      const made = changed(item, rest, change);
      return made === undefined ? [] : [made];
    });
  }
  const old = value as JsonObject;
  const made = changed(old[step as string] ?? null, rest, change);
  const entries = Object.entries(old).flatMap(([key, item]): [string, Json][] => {
    if (key !== step) return [[key, item]];
    return made === undefined ? [] : [[key, made]];
  });
  return Object.fromEntries(entries);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `spec.containers[0].image`. */
export function pathText(path: readonly Step[]): string {
  return path
    .map((step) =>
      typeof step === "symbol"
        ? `(${step.description})`
        : typeof step === "number"
          ? `[${step}]`
          : `.${step}`,
    )
    .join("")
    .replace(/^\./, "");
}

function document(path: readonly Step[], text: string): { value: Json; step: Step } | undefined {
  const name = path.at(-1);
  if (typeof name !== "string" || path.at(-2) !== "data") return undefined;
  const step = name.endsWith(".json") ? JSON_TEXT : /\.ya?ml$/.test(name) ? YAML_TEXT : undefined;
  if (step === undefined) return undefined;
  try {
    const value = (step === JSON_TEXT ? JSON.parse(text) : parse(text)) as Json;
    return typeof value === "object" && value !== null ? { value, step } : undefined;
  } catch {
    return undefined;
  }
}
