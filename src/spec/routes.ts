import type { FastifyInstance } from "fastify";
import { projectJsonSchema } from "./json-schema.ts";

/** Where editors get the schema of slipway.yaml from, for completion while it is written. */
export function specRoutes(app: FastifyInstance): void {
  const schema = { tags: ["spec"], summary: "JSON Schema of slipway.yaml" };
  app.get("/api/slipway/v1/schemas/project.json", { schema, config: { access: "open" } }, () =>
    projectJsonSchema(),
  );
}
