import type { FastifyInstance } from "fastify";
import { projectJsonSchema } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What the schemas can't be made of here. */
export interface SpecRoutesDeps {
  /** Of platform.yaml, with the components that there are. */
  platformSchema(): Promise<JsonSchema>;
}

/** Where editors get the schemas of slipway.yaml and platform.yaml from, for completion while they are written. */
export function specRoutes(app: FastifyInstance, { platformSchema }: SpecRoutesDeps): void {
  const publish = (name: string, summary: string, make: () => JsonSchema | Promise<JsonSchema>): void => {
    const schema = { tags: ["spec"], summary };
    app.get(`/api/slipway/v1/schemas/${name}.json`, { schema, config: { access: "open" } }, () => make());
  };
  publish("project", "JSON Schema of slipway.yaml", projectJsonSchema);
  publish("platform", "JSON Schema of platform.yaml", platformSchema);
}
