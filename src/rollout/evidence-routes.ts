import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import type { EvidenceReader } from "./evidence-reader.ts";
import type { EvidenceStreams } from "./evidence-stream.ts";

export interface EvidenceRoutesDeps {
  evidence: EvidenceReader;
  streams: EvidenceStreams;
}

const BASE = "/api/slipway/v1";
const modelParams = z.object({ model: z.string().min(1).max(128) });
const idParams = z.object({ id: z.string().min(1).max(64) });

/** The evidence of rollouts, once and as it grows, below /api/slipway/v1. */
export function evidenceRoutes(app: FastifyInstance, deps: EvidenceRoutesDeps): void {
  // The reference is made of the routes alone, without anything behind them.
  app.addHook("preClose", async () => deps.streams?.close());
  app.get(
    `${BASE}/services/:model/evidence`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        params: draft7(modelParams),
        summary: "Evidence of a service's running rollout, or of the last one",
        description:
          "Rates with their 95 % intervals, wealth over time against its thresholds, what would change the verdict, " +
          "how long until a decision, and what a person may do now.",
      },
    },
    async (request) => {
      const { model } = modelParams.parse(request.params);
      const isOwn = await deps.evidence.isOf(request.identity.tenant, { service: model });
      const evidence = isOwn ? await deps.evidence.ofService(model) : undefined;
      if (evidence === undefined) throw new SlipwayError("NOT_FOUND", `there is no service ${model}`);
      if (evidence === null)
        throw new SlipwayError("NOT_FOUND", `no version of ${model} has been on trial yet`);
      return evidence;
    },
  );
  app.get(
    `${BASE}/rollouts/:id/evidence`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: { params: draft7(idParams), summary: "Evidence of one rollout" },
    },
    async (request) => {
      const { id } = idParams.parse(request.params);
      const isOwn = await deps.evidence.isOf(request.identity.tenant, { rollout: id });
      const evidence = isOwn ? await deps.evidence.ofRollout(id) : undefined;
      if (!evidence) throw new SlipwayError("NOT_FOUND", `there is no rollout ${id}`);
      return evidence;
    },
  );
  streamRoute(app, deps);
}

function streamRoute(app: FastifyInstance, { evidence, streams }: EvidenceRoutesDeps): void {
  app.get(
    `${BASE}/services/:model/evidence/stream`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        params: draft7(modelParams),
        summary: "Evidence as it grows, as server-sent events",
        description:
          "Events named `evidence`, each the whole evidence as JSON: at once, then at most two a second and only when " +
          "something changed. A comment every 15 s otherwise. EVIDENCE_STREAMS_FULL (503) when 64 listen already.",
      },
    },
    async (request, reply) => {
      const { model } = modelParams.parse(request.params);
      streams.admit();
      if (!(await evidence.isOf(request.identity.tenant, { service: model })))
        throw new SlipwayError("NOT_FOUND", `there is no service ${model}`);
      streams.admit();
      reply.hijack();
      streams.follow(model, reply.raw);
      return reply;
    },
  );
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
