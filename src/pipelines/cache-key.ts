import { createHash } from "node:crypto";
import type { Step } from "../spec/project.ts";
import { matcher, matchesAny } from "./glob.ts";

/** All that decides whether a step would do the same again. Two equal ones are one cache entry. */
export interface KeyParts {
  command: string;
  params: Record<string, string>;
  /** Content hash by path: what the step reads of the commit. */
  files: Record<string, string>;
  /** Content hash by `<step>: <path>`: outputs of the steps it needs. */
  needs: Record<string, string>;
  outputs: string[];
  /** Hash of the step environment: interpreter, packages, machine. */
  environment: string;
  /** Variables that change results; those of the platform and of tracking are not among them. */
  env: Record<string, string>;
}

/** Endings of files that are programs. Imports can't be seen from outside, so these count even undeclared. */
const CODE =
  /\.(py|pyi|ipynb|ts|mts|cts|tsx|js|mjs|cjs|jsx|sh|bash|r|jl|sql|rb|go|rs|java|scala|c|cc|cpp|h|hpp|lua|pl)$/i;

/**
 * The committed files that a step's key covers.
 * Nothing declared: the whole commit. Only data declared: that and all code of the commit, since a changed
 * module would otherwise be missed and a stale result be reused. Code declared too: the declaration is taken
 * at its word. Files that the command names always count.
 */
export function coveredFiles(
  step: Pick<Step, "run" | "inputs">,
  tree: ReadonlyMap<string, string>,
): Record<string, string> {
  const declared = matchesAny(step.inputs);
  const paths = [...tree.keys()].filter((path) => path !== SPEC_FILE);
  const words = new Set(step.run.split(/[\s;&|<>()'"=]+/).map((word) => word.replace(/^\.\//, "")));
  const codeDeclared = paths.some((path) => CODE.test(path) && declared(path));
  const counts = (path: string): boolean =>
    step.inputs.length === 0 || declared(path) || words.has(path) || (!codeDeclared && CODE.test(path));
  return Object.fromEntries(paths.filter(counts).map((path) => [path, tree.get(path) ?? ""]));
}

/** Its parts that matter to a step (command, params, environment) are in the key one by one. */
const SPEC_FILE = "slipway.yaml";

/** Declared inputs that neither the commit has nor a needed step writes. */
export function missingInputs(inputs: readonly string[], present: readonly string[]): string[] {
  return inputs.filter((input) => !present.some(matcher(input)));
}

/** SHA-256 over the parts in one canonical order, 64 hexadecimal characters. */
export function cacheKey(parts: KeyParts): string {
  const sorted = (record: Record<string, string>): [string, string][] =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const canonical = JSON.stringify([
    "slipway-step-1",
    parts.command,
    sorted(parts.params),
    sorted(parts.files),
    sorted(parts.needs),
    [...parts.outputs].sort(),
    parts.environment,
    sorted(parts.env),
  ]);
  return createHash("sha256").update(canonical).digest("hex");
}

/** How many changed names one line shows. */
const SHOWN = 3;

/** Why the present key isn't the previous one, most telling first: `inputs changed: data/raw.csv`. */
export function explainMiss(previous: KeyParts | undefined, now: KeyParts): string {
  if (previous === undefined) return "nothing kept of an earlier run of this step";
  const reasons: string[] = [];
  const files = changed(previous.files, now.files);
  if (files.length > 0) reasons.push(`inputs changed: ${names(files)}`);
  const needs = changed(previous.needs, now.needs);
  if (needs.length > 0) reasons.push(`outputs of needed steps changed: ${names(needs)}`);
  if (previous.command !== now.command) reasons.push("command changed");
  const params = changed(previous.params, now.params);
  if (params.length > 0) {
    const values = params.map(
      (name) => `${name} ${previous.params[name] ?? "(unset)"} → ${now.params[name] ?? "(unset)"}`,
    );
    reasons.push(`params changed: ${names(values)}`);
  }
  if (previous.environment !== now.environment) reasons.push("step environment changed");
  const env = changed(previous.env, now.env);
  if (env.length > 0) reasons.push(`variables changed: ${names(env)}`);
  if ([...previous.outputs].sort().join("\0") !== [...now.outputs].sort().join("\0"))
    reasons.push("declared outputs changed");
  return reasons.length > 0 ? reasons.join("; ") : "the kept result was removed to make room";
}

function changed(before: Record<string, string>, after: Record<string, string>): string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...all].filter((name) => before[name] !== after[name]).sort();
}

function names(all: readonly string[]): string {
  const more = all.length - SHOWN;
  return all.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
