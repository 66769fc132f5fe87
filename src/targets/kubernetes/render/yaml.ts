/**
 * Writes plain data as block YAML that reads the same in YAML 1.1 (what Kubernetes' tools speak) and 1.2. Ours, since
 * definitions of thousands of lines must be written within a second; keys keep their order.
 */
export function toYaml(value: unknown): string {
  const out: Output = { lines: [], keys: new Map() };
  writeBlock(value, "", out);
  return `${out.lines.join("\n")}\n`;
}

interface Output {
  lines: string[];
  /** As they are written: a definition has a few hundred, thousands of times. */
  keys: Map<string, string>;
}

function writeBlock(value: unknown, indent: string, out: Output): void {
  if (Array.isArray(value) && value.length > 0) for (const item of value) writeItem(item, indent, out);
  else if (isMap(value) && hasFields(value)) writeFields(value, indent, out);
  else out.lines.push(`${indent}${scalar(value, indent)}`);
}

function writeFields(map: Record<string, unknown>, indent: string, out: Output): void {
  const { lines, keys } = out;
  for (const key of Object.keys(map)) {
    const value = map[key];
    if (value === undefined) continue;
    let written = keys.get(key);
    if (written === undefined) keys.set(key, (written = text(key)));
    const name = `${indent}${written}:`;
    // A list's dashes stand under its key, as Kubernetes' own files have them.
    if (Array.isArray(value) && value.length > 0) {
      lines.push(name);
      writeBlock(value, indent, out);
    } else if (isMap(value) && hasFields(value)) {
      lines.push(name);
      writeFields(value, `${indent}  `, out);
    } else lines.push(`${name} ${scalar(value, indent)}`);
  }
}

/** The first line of what the item holds stands behind its dash. */
function writeItem(item: unknown, indent: string, out: Output): void {
  const { lines } = out;
  const first = lines.length;
  const inner = `${indent}  `;
  if (isBlock(item)) writeBlock(item, inner, out);
  else lines.push(`${inner}${scalar(item, indent)}`);
  lines[first] = `${indent}- ${(lines[first] ?? "").slice(inner.length)}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasFields(map: Record<string, unknown>): boolean {
  for (const key in map) if (map[key] !== undefined) return true;
  return false;
}

function isBlock(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isMap(value) && hasFields(value);
}

function scalar(value: unknown, indent: string): string {
  if (typeof value === "string") return value.includes("\n") ? lines(value, indent) : text(value);
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object") return "{}";
  return JSON.stringify(value);
}

/** Begins with a letter, `/` or `_`, so that it is no number, date or mark. */
const PLAIN = /^[A-Za-z/_][\w ./,()'"%&*+<>=@;!?$~:-]*$/;
/** What ends a plain text, or is lost at its end. */
const ENDS = /: |:$| #|  | $/;
/** What either version of YAML takes for something else than text, in any case. */
const RESERVED = new Set(["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"]);

function isReserved(value: string): boolean {
  return value.length <= 5 && RESERVED.has(value.toLowerCase());
}

function text(value: string): string {
  return PLAIN.test(value) && !ENDS.test(value) && !isReserved(value) ? value : quoted(value);
}

/** JSON's form, with what YAML doesn't take unescaped. */
function quoted(value: string): string {
  return JSON.stringify(value).replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/;

/** A text of several lines as a person reads it, where a literal block keeps every character of it. */
function lines(value: string, indent: string): string {
  const isKept = /^[^\s]/.test(value) && !UNPRINTABLE.test(value) && !/[ \t]\n|[ \t]$/.test(value);
  if (!isKept) return quoted(value);
  const chomping = value.endsWith("\n\n") ? "+" : value.endsWith("\n") ? "" : "-";
  const body = value.endsWith("\n") ? value.slice(0, -1) : value;
  const inner = `${indent}  `;
  return [`|${chomping}`, ...body.split("\n").map((line) => (line === "" ? "" : inner + line))].join("\n");
}
