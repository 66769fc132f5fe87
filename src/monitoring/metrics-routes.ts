import type { FastifyInstance } from "fastify";
import { EXPOSITION_TYPE, Exposition } from "./exposition.ts";

/** Adds what one part of the platform knows. One that throws leaves its samples out, and the others stay. */
export type MetricSource = (page: Exposition) => Promise<void>;

export interface MetricsDeps {
  sources: readonly MetricSource[];
  logDefect: (error: unknown, where: string) => void;
}

/** `GET /metrics` for Prometheus. */
export function metricsRoutes(app: FastifyInstance, deps: MetricsDeps): void {
  app.get("/metrics", { schema: { hide: true }, config: { access: "read" } }, async (_request, reply) => {
    const page = new Exposition();
    const ended = await Promise.allSettled(deps.sources.map((add) => add(page)));
    for (const one of ended)
      if (one.status === "rejected") deps.logDefect(one.reason, "a source of /metrics");
    return reply.type(EXPOSITION_TYPE).send(page.text());
  });
}
