import { isMap, isScalar, LineCounter, parseDocument, type Pair, type YAMLMap } from "yaml";
import type { ParseResult, SpecProblem } from "../spec/parse.ts";
import type { ServiceState } from "./environment.ts";

/** Folder of the service files in the environment repository. */
export const SERVICES = "services";
/** More is no service file. */
export const MAX_SERVICE_FILE_BYTES = 64 * 1024;

const KEYS = ["apiVersion", "kind", "name", "champion", "challenger", "weight"];

/** The file of a service, for people: same content, same bytes. */
export function renderServiceFile(state: ServiceState): string {
  const lines = [
    `# What the service ${state.name} runs. Slipway writes this file; people may too: commit and push.`,
    "# `git revert` of a promotion is a rollback.",
    "apiVersion: slipway/v1",
    "kind: Service",
    `name: ${quoted(state.name)}`,
    "# The version that holds.",
    "champion:",
    `  version: ${state.champion}`,
  ];
  if (state.challenger !== undefined) {
    lines.push("# The version on trial.", "challenger:", `  version: ${state.challenger}`);
  }
  lines.push("# Per cent of new requests that go to the challenger.", `weight: ${state.weight}`);
  return `${lines.join("\n")}\n`;
}

/** A label such as `1e3` or `null` is something else than text in YAML. */
function quoted(name: string): string {
  return /^[a-z][a-z-]*[a-z]$/.test(name) && !/^(?:null|true|false|yes|no|on|off)$/.test(name)
    ? name
    : JSON.stringify(name);
}

export function serviceFilePath(name: string): string {
  return `${SERVICES}/${name}.yaml`;
}

/** `services/<name>.yaml` to `<name>`; undefined for any other path. */
export function serviceOfPath(path: string): string | undefined {
  return /^services\/([a-zA-Z0-9][a-zA-Z0-9._-]{0,127})\.yaml$/.exec(path)?.[1];
}

/** Reads a service file; all that is wrong with it comes at once, with positions. */
export function parseServiceFile(text: string, path: string): ParseResult<ServiceState> {
  const reader = new ServiceFileReader(text, path);
  const state = reader.read();
  return state !== undefined && reader.problems.length === 0
    ? { ok: true, value: state }
    : { ok: false, problems: reader.problems };
}

class ServiceFileReader {
  readonly problems: SpecProblem[] = [];
  readonly #lines = new LineCounter();
  readonly #text: string;
  readonly #path: string;

  constructor(text: string, path: string) {
    this.#text = text;
    this.#path = path;
  }

  read(): ServiceState | undefined {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: true,
    });
    for (const error of document.errors) this.#say(error.pos[0], "syntax", error.message);
    if (document.errors.length > 0) return undefined;
    const root = document.contents;
    if (!isMap(root)) {
      this.#say(0, "wrong-type", "a service file is a mapping", "apiVersion, kind, name, champion, weight");
      return undefined;
    }
    this.#onlyKnownKeys(root, KEYS);
    this.#constant(root, "apiVersion", "slipway/v1");
    this.#constant(root, "kind", "Service");
    const name = serviceOfPath(this.#path) ?? "";
    this.#constant(root, "name", name);
    const champion = this.#version(root, "champion");
    const challenger = root.has("challenger") ? this.#version(root, "challenger") : undefined;
    const weight = this.#weight(root, challenger !== undefined);
    if (champion !== undefined && champion === challenger) {
      this.#sayAt(root, "challenger", "same-version", "the challenger is the champion", String(challenger));
    }
    if (champion === undefined || weight === undefined) return undefined;
    return { name, champion, ...(challenger === undefined ? {} : { challenger }), weight };
  }

  #onlyKnownKeys(map: YAMLMap, known: readonly string[]): void {
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : "?";
      if (known.includes(key)) continue;
      const near = nearestKey(key, known);
      const message = `unknown key ${key}${near ? `; did you mean ${near}?` : ""}`;
      this.#say(start(pair), "unknown-key", message, known.join(", "), key);
    }
  }

  #constant(map: YAMLMap, key: string, expected: string): void {
    const value: unknown = map.get(key);
    if (value === expected) return;
    const message = value === undefined ? `${key} is missing` : `${key} must be ${expected}`;
    this.#sayAt(map, key, "wrong-value", message, value === undefined ? undefined : show(value), expected);
  }

  #version(root: YAMLMap, key: string): number | undefined {
    const holder: unknown = root.get(key);
    if (!isMap(holder)) {
      const message = holder === undefined ? `${key} is missing` : `${key} is not a mapping`;
      this.#sayAt(root, key, "wrong-type", message, undefined, `${key}: { version: <number> }`);
      return undefined;
    }
    this.#onlyKnownKeys(holder, ["version"]);
    const version: unknown = holder.get("version");
    if (typeof version === "number" && Number.isSafeInteger(version) && version >= 1) return version;
    const at = find(holder, "version") ? holder : root;
    const message = `${key}.version is no version number`;
    const given = version === undefined ? undefined : show(version);
    this.#sayAt(at, at === holder ? "version" : key, "wrong-type", message, given, "a whole number from 1");
    return undefined;
  }

  #weight(root: YAMLMap, hasChallenger: boolean): number | undefined {
    const weight: unknown = root.get("weight");
    if (typeof weight !== "number" || !(weight >= 0 && weight <= 100)) {
      const message = weight === undefined ? "weight is missing" : "weight is no per cent";
      const given = weight === undefined ? undefined : show(weight);
      this.#sayAt(root, "weight", "wrong-value", message, given, "a number from 0 to 100");
      return undefined;
    }
    if (weight > 0 && !hasChallenger && !root.has("challenger")) {
      this.#sayAt(
        root,
        "weight",
        "no-challenger",
        "weight is above 0 but there is no challenger",
        show(weight),
      );
    }
    return weight;
  }

  /** At the value of the key; at the start of the mapping when the key is missing. */
  #sayAt(map: YAMLMap, key: string, rule: string, message: string, given?: string, allowed?: string): void {
    const pair = find(map, key);
    this.#say(pair ? valueStart(pair) : (map.range?.[0] ?? 0), rule, message, allowed, given);
  }

  #say(offset: number, rule: string, message: string, allowed?: string, given?: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({
      file: this.#path,
      line: Math.max(1, line),
      column: Math.max(1, col),
      rule,
      message,
      ...(given === undefined ? {} : { given }),
      ...(allowed === undefined ? {} : { allowed }),
    });
  }
}

function find(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

function start(pair: Pair): number {
  return isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
}

function valueStart(pair: Pair): number {
  const value = pair.value;
  const range = isScalar(value) || isMap(value) ? value.range : undefined;
  return range?.[0] ?? start(pair);
}

function show(value: unknown): string {
  return (isMap(value) ? "a mapping" : JSON.stringify(value)) ?? String(value);
}

/** The known key that differs in the fewest letters, if that is few enough to be a slip. */
function nearestKey(given: string, known: readonly string[]): string | undefined {
  let best: { key: string; distance: number } | undefined;
  for (const key of known) {
    const distance = editDistance(given.toLowerCase().slice(0, 64), key.toLowerCase());
    if (!best || distance < best.distance) best = { key, distance };
  }
  return best && best.distance <= Math.max(1, Math.floor(best.key.length / 3)) ? best.key : undefined;
}

/** Levenshtein's distance, by two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
