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
  return partial({ ...file, properties: Object.fromEntries(properties) });
}

function partial(schema: JsonSchema): JsonSchema {
  const {
    $schema: _,
    required: __,
    default: ___,
    properties,
    items,
    additionalProperties,
    anyOf,
    ...rest
  } = schema;
  return {
    ...rest,
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(partial) }),
    ...(properties === undefined ? {} : { properties: mapValues(properties, overlaid) }),
    // Items are merged by name, so that an item says what differs only; the name says which item it is.
    ...(items === undefined ? {} : { items: { ...partial(items), ...nameOnly(items) } }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "object" ? overlaid(additionalProperties) : additionalProperties,
        }),
  };
}

function overlaid(value: JsonSchema): JsonSchema {
  return nullable(partial(value));
}

function nullable(schema: JsonSchema): JsonSchema {
  if (schema.const !== undefined) return schema;
  if (schema.anyOf !== undefined) return { ...schema, anyOf: [...schema.anyOf, { type: "null" }] };
  return {
    ...schema,
    ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }),
    ...(schema.type === undefined ? {} : { type: [schema.type, "null"].flat() }),
  };
}

function nameOnly({ properties }: JsonSchema): { required?: string[] } {
  return properties?.["name"] === undefined ? {} : { required: ["name"] };
}

function mapValues(map: Record<string, JsonSchema>, change: (value: JsonSchema) => JsonSchema) {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
