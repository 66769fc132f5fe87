import { readDocument, type SpecDocument } from "../spec/document.ts";
import { describeValue, printable, valueAt, type Path } from "../spec/issue.ts";
import { nearest } from "../spec/nearest.ts";
import type { ParseResult, SpecProblem } from "../spec/parse.ts";
import type { ServiceState } from "./environment.ts";

/** Folder of the service files in the environment repository. */
export const SERVICES = "services";
/** More is no service file. */
export const MAX_SERVICE_FILE_BYTES = 64 * 1024;

const KEYS = ["apiVersion", "kind", "name", "champion", "challenger", "weight", "shadow"];

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
  if (state.shadow !== undefined) {
    lines.push("# Per cent of requests of which the challenger gets a copy.", `shadow: ${state.shadow}`);
  }
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
  const read = readDocument(text, path);
  if (!read.ok) return read;
  const reader = new ServiceFileReader(read.document, path);
  const state = reader.read();
  return state !== undefined && reader.problems.length === 0
    ? { ok: true, value: state }
    : { ok: false, problems: reader.problems };
}

class ServiceFileReader {
  readonly problems: SpecProblem[] = [];
  readonly #document: SpecDocument;
  readonly #file: string;

  constructor(document: SpecDocument, file: string) {
    this.#document = document;
    this.#file = file;
  }

  read(): ServiceState | undefined {
    this.#onlyKnownKeys([], KEYS);
    if (this.problems.length > 0 && !isRecord(this.#document.data)) return undefined;
    const name = serviceOfPath(this.#file) ?? "";
    this.#constant("apiVersion", "slipway/v1");
    this.#constant("kind", "Service");
    this.#constant("name", name);
    const champion = this.#version("champion");
    const hasChallenger = this.#value(["challenger"]) !== undefined;
    const challenger = hasChallenger ? this.#version("challenger") : undefined;
    const weight = this.#weight(hasChallenger);
    const shadow = this.#shadow(hasChallenger, weight);
    if (champion !== undefined && champion === challenger) {
      this.#say(["challenger", "version"], "same-version", "the challenger is the champion");
    }
    if (champion === undefined || weight === undefined) return undefined;
    return { name, champion, ...(challenger === undefined ? {} : { challenger }), weight, ...shadow };
  }

  #value(path: Path): unknown {
    return valueAt(this.#document.data, path);
  }

  #onlyKnownKeys(path: Path, known: readonly string[]): void {
    const map = path.length === 0 ? this.#document.data : this.#value(path);
    if (!isRecord(map)) {
      const what = path.length === 0 ? "a service file" : path.join(".");
      this.#say(path, "wrong-type", `${what} is a mapping`, `a mapping with ${known.join(", ")}`);
      return;
    }
    for (const key of Object.keys(map)) {
      if (known.includes(key)) continue;
      const near = nearest(key, known);
      const hint = near === undefined ? "" : `; did you mean ${near}?`;
      const place = this.#document.position([...path, key], "key");
      const message = `unknown key ${printable(key)}${hint}`;
      this.problems.push({
        file: this.#file,
        ...place,
        rule: "unknown-key",
        message,
        allowed: known.join(", "),
      });
    }
  }

  #constant(key: string, expected: string): void {
    const value = this.#value([key]);
    if (value === expected) return;
    const message = value === undefined ? `${key} is missing` : `${key} must be ${expected}`;
    this.#say([key], value === undefined ? "missing" : "wrong-value", message, expected);
  }

  #version(key: string): number | undefined {
    if (this.#value([key]) === undefined) {
      this.#say([key], "missing", `${key} is missing`, `${key}: { version: <number> }`);
      return undefined;
    }
    const before = this.problems.length;
    this.#onlyKnownKeys([key], ["version"]);
    const version = this.#value([key, "version"]);
    if (typeof version === "number" && Number.isSafeInteger(version) && version >= 1) return version;
    // One mistyped key is one problem, not two.
    if (this.problems.length === before) {
      this.#say([key, "version"], "wrong-type", `${key}.version is no version`, "a whole number from 1");
    }
    return undefined;
  }

  #weight(hasChallenger: boolean): number | undefined {
    const weight = this.#value(["weight"]);
    if (typeof weight !== "number" || !(weight >= 0 && weight <= 100)) {
      const message = weight === undefined ? "weight is missing" : "weight is no per cent";
      this.#say(["weight"], "wrong-value", message, "a number from 0 to 100");
      return undefined;
    }
    if (weight > 0 && !hasChallenger) {
      this.#say(["weight"], "no-challenger", "weight is above 0 but there is no challenger", "0");
    }
    return weight;
  }

  #shadow(hasChallenger: boolean, weight: number | undefined): { shadow?: number } {
    const shadow = this.#value(["shadow"]);
    if (shadow === undefined) return {};
    if (typeof shadow !== "number" || !(shadow >= 1 && shadow <= 100)) {
      this.#say(["shadow"], "wrong-value", "shadow is no per cent", "a number from 1 to 100, or no such key");
      return {};
    }
    if (!hasChallenger) {
      this.#say(["shadow"], "no-challenger", "shadow is given but there is no challenger", "no such key");
    } else if (weight !== undefined && weight > 0) {
      const message = "a challenger gets either copies of requests or requests of its own";
      this.#say(["shadow"], "shadow-and-weight", message, "shadow with weight: 0, or no such key");
    }
    return { shadow };
  }

  #say(path: Path, rule: string, message: string, allowed?: string): void {
    const value = this.#value(path);
    this.problems.push({
      file: this.#file,
      ...this.#document.position(path, "value"),
      rule,
      message,
      ...(value === undefined ? {} : { given: describeValue(value) }),
      ...(allowed === undefined ? {} : { allowed }),
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
