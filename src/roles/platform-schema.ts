import type { JsonSchema } from "../spec/json-schema.ts";

/** The schema of platform.yaml. What it is made of is loaded when it is asked for: a laptop's platform has no use for it. */
export async function platformSchema(): Promise<JsonSchema> {
  const [{ platformJsonSchema }, { REGISTRY }] = await Promise.all([
    import("../spec/platform/json-schema.ts"),
    import("../targets/kubernetes/registry.ts"),
  ]);
  return platformJsonSchema(REGISTRY.components);
}
