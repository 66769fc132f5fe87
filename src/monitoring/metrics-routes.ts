import type { FastifyInstance } from "fastify";
import { EXPOSITION_TYPE, Exposition } from "./exposition.ts";

/** Adds what one part of the platform knows. One that throws leaves its samples out, and the others stay. */
export type MetricSource = (page: Exposition) => Promise<void>;

export interface MetricsDeps {
  sources: readonly MetricSource[];
  logDefect: (error: unknown, where: string) => void;
}

/** What all of them know, as Prometheus reads it. */
export async function metricsPage({ sources, logDefect }: MetricsDeps): Promise<string> {
  const page = new Exposition();
  const ended = await Promise.allSettled(sources.map((add) => add(page)));
  for (const one of ended) if (one.status === "rejected") logDefect(one.reason, "a source of /metrics");
  return page.text();
}

/** `GET /metrics` for Prometheus. */
export function metricsRoutes(app: FastifyInstance, deps: MetricsDeps): void {
  app.get("/metrics", { schema: { hide: true }, config: { access: "read" } }, async (_request, reply) =>
    reply.type(EXPOSITION_TYPE).send(await metricsPage(deps)),
  );
}
