import { z } from "zod";
import type { JsonSchema } from "../json-schema.ts";
import type { ComponentSpec } from "./component-spec.ts";
import { FIXED_KEYS, platformSchema } from "./schema.ts";

/** Identity of the published schema; a name, not an address. */
const ID = "urn:slipway:v1:platform";

/** What a person may write in platform.yaml, as JSON Schema (draft 7, which editors' YAML servers speak). */
export function platformJsonSchema(components: readonly ComponentSpec[]): JsonSchema {
  const schema = z.toJSONSchema(platformSchema(components), {
    io: "input",
    target: "draft-7",
    // An overlay is in every environment the same: written out once each, for editors that follow no references.
    reused: "inline",
  }) as JsonSchema;
  const environments = schema.properties?.["environments"];
  if (environments !== undefined) environments.additionalProperties = overlaySchema(schema);
  return { ...schema, $id: ID, title: "platform.yaml", description: "A whole platform, for Slipway." };
}

/** The file's schema with nothing required, no defaults, and null for what is taken away. */
function overlaySchema(file: JsonSchema): JsonSchema {
  const fixed: readonly string[] = FIXED_KEYS;
  const properties = Object.entries(file.properties ?? {}).filter(([key]) => !fixed.includes(key));
  return partial({ ...file, properties: Object.fromEntries(properties) }, true);
}

function partial(schema: JsonSchema, isWhole = false): JsonSchema {
  const { $schema: _, required: __, default: ___, ...rest } = schema;
  const inner: JsonSchema = {
    ...rest,
    ...(rest.properties === undefined
      ? {}
      : { properties: mapValues(rest.properties, (one) => partial(one)) }),
    // Items are merged by name, so that an item says what differs only; the name says which item it is.
    ...(rest.items === undefined ? {} : { items: { ...partial(rest.items, true), ...nameOnly(rest.items) } }),
    ...(typeof rest.additionalProperties === "object"
      ? { additionalProperties: partial(rest.additionalProperties) }
      : {}),
  };
  if (isWhole || inner.properties === undefined || inner.type !== "object") return inner;
  return { ...inner, type: ["object", "null"] };
}

function nameOnly({ properties }: JsonSchema): { required?: string[] } {
  return properties?.["name"] === undefined ? {} : { required: ["name"] };
}

function mapValues(map: Record<string, JsonSchema>, change: (value: JsonSchema) => JsonSchema) {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
