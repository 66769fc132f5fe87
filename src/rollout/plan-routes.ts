import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { parseProject } from "../spec/parse.ts";
import type { Advisor } from "./advice.ts";

export interface PlanRoutesDeps {
  advisor: Pick<Advisor, "plan">;
}

const FILE = "slipway.yaml";

const body = z.object({
  text: z
    .string()
    .max(256 * 1024)
    .describe("Content of slipway.yaml."),
  traffic: z
    .object({
      requestsPerSecond: z.number().min(0).max(1e9).optional(),
      errorRate: z.number().min(0).max(1).optional(),
    })
    .optional()
    .describe("To plan for, where it differs from what is measured."),
});

/** What a push of a file would do, before it is pushed. */
export function planRoutes(app: FastifyInstance, deps: PlanRoutesDeps): void {
  app.post(
    "/api/slipway/v1/plan",
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        tags: ["spec"],
        summary: "What a push of slipway.yaml would do",
        description: "`ok: false` with `problems` when the push would be refused. Nothing is changed.",
        body: z.toJSONSchema(body, { target: "draft-7" }),
      },
    },
    async (request) => {
      const { text, traffic } = body.parse(request.body);
      const parsed = parseProject(text, FILE);
      if (!parsed.ok) return { ok: false, problems: parsed.problems };
      const asked = {
        ...(traffic?.requestsPerSecond === undefined ? {} : { requestsPerSecond: traffic.requestsPerSecond }),
        ...(traffic?.errorRate === undefined ? {} : { errorRate: traffic.errorRate }),
      };
      return { ok: true, plan: await deps.advisor.plan(parsed.value, asked, request.identity.tenant) };
    },
  );
}
