import type { JsonSchema } from "../json-schema.ts";
import { referencePage } from "../reference.ts";

/** The reference page of platform.yaml, made from its JSON Schema. */
export function platformReference(root: JsonSchema): string {
  const { environments, ...properties } = root.properties ?? {};
  const { additionalProperties: _, ...overlays } = environments ?? {};
  const page = { ...root, properties: { ...properties, environments: overlays } };
  return referencePage(page, "platform.yaml", [
    "Made from the schemas in `src/spec/platform/` and of each component by `node tools/reference.mjs --write`; don't edit by hand.",
    "",
    "An unknown key or component is an error that names the nearest known one. What isn't built yet is refused, and so is a secret in clear: a file names a Secret and a key in it.",
    "Quantities are Kubernetes': cores `2`, `0.5`, `500m`; sizes `512Mi`, `16Gi`. Durations are written `500ms`, `2s`, `30m`, `2h`, `1d`.",
    "",
    "An environment under `environments` holds what differs from the file, in the same form: maps are merged, `null` takes a key away, a list whose items have a `name` is merged by these names, and any other list is replaced. `apiVersion`, `kind` and `name` are the same in all.",
  ]);
}
