import type { FastifyInstance } from "fastify";
import type { ServingBackend } from "./backend.ts";
import { exposition } from "./exposition.ts";

/** `GET /metrics` for Prometheus. */
export function metricsRoutes(
  app: FastifyInstance,
  deps: { backend: Pick<ServingBackend, "outcomes"> },
): void {
  app.get("/metrics", { schema: { hide: true }, config: { access: "read" } }, async (_request, reply) => {
    const report = await deps.backend.outcomes();
    return reply.type("text/plain; version=0.0.4; charset=utf-8").send(exposition(report));
  });
}
