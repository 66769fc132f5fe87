/** Steps from the root of a file to a value: keys and list indices. */
export type Path = readonly (string | number)[];

/** Something wrong with a value, before it is known where in the file the value stands. */
export interface Issue {
  path: Path;
  /** What to point at: the key at the path's end, or its value. */
  at: "key" | "value";
  rule: string;
  message: string;
  given?: string;
  allowed?: string;
}

/** `["pipeline", "steps", 1, "run"]` as a person writes it: `pipeline.steps[1].run`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text === "" ? "the file" : printable(text);
}

/** A value in one short line, safe to print to a terminal. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "nothing (null)";
  if (typeof value === "number") return String(value);
  const text = jsonOf(value);
  return printable(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** JSON can write neither a ring, into which aliases can tie a value, nor what is nested too deep for its stack. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "a value that contains itself, or is too deep to show";
  }
}

/** Control and direction-changing characters written out, so that a file can't move the reader's cursor. */
export function printable(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The value at a path inside plain data; undefined when there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
