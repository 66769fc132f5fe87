import { allowedWords, mapOf } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";

/** The reference page of slipway.yaml, made from its JSON Schema: one table per map, in the file's order. */
export function projectReference(root: JsonSchema): string {
  return referencePage(root, "slipway.yaml", [
    "Made from the schema in `src/spec/schema.ts` by `node tools/reference.mjs --write`; don't edit by hand.",
    "",
    "An unknown key is an error that names the nearest known key. A key whose feature isn't built yet is refused.",
    "Durations are written `500ms`, `2s`, `30m`, `2h`, `1d`; sizes `512Mi`, `4Gi`; margins in percentage points, `0.5pp`, of a latency in per cent, `20%`.",
  ]);
}

/** A page about one of our files: what is to be said first, then one table per map of its schema. */
export function referencePage(root: JsonSchema, title: string, introduction: readonly string[]): string {
  const sections = [`# ${title}`, "", ...introduction, "", ...section(root, "", "The file")];
  return `${sections.join("\n").trimEnd()}\n`;
}

function section(schema: JsonSchema, path: string, title: string): string[] {
  const properties = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required);
  const rows = properties.map(([key, value]) => {
    const fallback =
      value.default === undefined ? (required.has(key) ? "required" : "none") : code(value.default);
    return `| \`${key}\` | ${cell(kindOf(value))} | ${cell(fallback)} | ${cell(value.description ?? "")} |`;
  });
  const lines = [`## ${title}`, "", "| Key | Value | Default | Meaning |", "|---|---|---|---|", ...rows, ""];
  for (const [key, value] of properties) {
    const map = mapOf(value);
    const inner = map.properties === undefined ? value.items : map;
    if (inner?.properties === undefined) continue;
    const name = `${path}${path === "" ? "" : "."}${key}${value.items === undefined ? "" : "[]"}`;
    lines.push(...section(inner, name, `\`${name}\``));
  }
  return lines;
}

function kindOf(schema: JsonSchema): string {
  if (schema.items !== undefined && schema.items.properties === undefined)
    return `list of: ${allowedWords(schema.items)}`;
  if (typeof schema.additionalProperties === "object")
    return `map of: ${allowedWords(schema.additionalProperties)}`;
  return allowedWords(schema);
}

function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}
