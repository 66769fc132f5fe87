import { z } from "zod";
import { projectSchema } from "./schema.ts";

/** The part of JSON Schema that our schemas turn into. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  pattern?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
}

/** Identity of the published schema; a name, not an address. */
const ID = "urn:slipway:v1:project";

/** What a person may write in slipway.yaml, as JSON Schema (draft 7, which editors' YAML servers speak). */
export function projectJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(projectSchema, { io: "input", target: "draft-7" }) as JsonSchema;
  return { ...schema, $id: ID, title: "slipway.yaml", description: "A model's repository, for Slipway." };
}

/** The schema that rules the value at a path; undefined when the path leaves the schema. */
export function schemaAt(root: JsonSchema, path: readonly (string | number)[]): JsonSchema | undefined {
  let schema: JsonSchema | undefined = root;
  for (const part of path) {
    schema = mapOf(schema);
    if (typeof part === "number") schema = schema?.items;
    else if (schema?.properties !== undefined && Object.hasOwn(schema.properties, part))
      schema = schema.properties[part];
    else schema = typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
    if (schema === undefined) return undefined;
  }
  return schema;
}

/** Of a value that may also be written shorter (`true`, `none`) the branch that has keys. */
export function mapOf<Schema extends JsonSchema | undefined>(schema: Schema): Schema | JsonSchema {
  return schema?.anyOf?.find((branch) => branch.properties !== undefined) ?? schema;
}

/** What the schema takes, in words: `a whole number from 0 to 20`, `one of hold, rollback, promote`. */
export function allowedWords(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  const examples = schema.examples === undefined ? "" : `, such as ${schema.examples.join(", ")}`;
  if (schema.title !== undefined) return `a ${schema.title}${examples}`;
  if (schema.anyOf !== undefined) return schema.anyOf.map(allowedWords).join(" or ");
  const types = [schema.type ?? "any"].flat().map((type) => TYPE_WORDS[type] ?? type);
  return `${types.join(" or ")}${bounds(schema)}${examples}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  object: "a map of keys",
  array: "a list",
  any: "any value",
};

function bounds(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minItems, maxItems, minLength, maxLength } =
    schema;
  const words: string[] = [];
  if (minimum !== undefined) words.push(`from ${minimum}`);
  if (exclusiveMinimum !== undefined) words.push(`above ${exclusiveMinimum}`);
  if (maximum !== undefined) words.push(`to ${maximum}`);
  if (exclusiveMaximum !== undefined) words.push(`below ${exclusiveMaximum}`);
  if (minItems !== undefined || maxItems !== undefined)
    words.push(`with ${minItems ?? 0} to ${maxItems ?? "any number of"} items`);
  if (minLength !== undefined || maxLength !== undefined)
    words.push(`of ${minLength ?? 0} to ${maxLength ?? "any number of"} characters`);
  return words.length === 0 ? "" : ` ${words.join(" ")}`;
}
