import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { accessError } from "../http/access.ts";
import { SlipwayError } from "../http/errors.ts";
import { parseDuration } from "../spec/units.ts";
import type { Collector } from "./collector.ts";
import type { GcJob } from "./job.ts";

const BASE = "/api/slipway/v1";
const MOST_NAMED = 500;

const named = z.array(z.string().min(1).max(500)).min(1).max(MOST_NAMED);
const planBody = z.strictObject({
  olderThan: z
    .string()
    .max(40)
    .optional()
    .describe("How long ago it was deleted at least, such as `30d` or `12h`. Default: everything deleted."),
  experiments: named.optional().describe("Ids or names. Default: all."),
  runs: named.optional().describe("Ids of deleted tracking runs. Default: all."),
  allTenants: z.boolean().default(false).describe("For platform admins."),
});
const deleteBody = z.strictObject({
  plan: z.string().min(1).max(60).describe("The id of what was counted."),
});
const params = z.object({ id: z.string().min(1).max(60) });

/** Deleting for good, below /api/slipway/v1: first counted, then done. Of the request's tenant, as MLflow's API. */
export function gcRoutes(app: FastifyInstance, { collector }: { collector: Collector }): void {
  const config = { access: "admin", tenantFrom: "request" } as const;
  app.post(
    `${BASE}/gc/plan`,
    {
      config,
      schema: {
        tags: ["gc"],
        summary: "Count what deleting for good would free",
        description:
          "Answers at once with the state `counting`; `GET /gc/{id}` follows it. Nothing is changed. The tenant is " +
          "that of the header `X-MLFLOW-WORKSPACE`.",
        body: draft7(planBody),
      },
    },
    async (request, reply) => {
      const { olderThan = "0s", allTenants, experiments = null, runs = null } = planBody.parse(request.body);
      const age = parseDuration(olderThan);
      if (age === undefined)
        throw new SlipwayError("INVALID_REQUEST", "that isn't a length of time", {
          where: "olderThan",
          given: olderThan,
          allowed: "such as 30d, 12h or 1d12h",
        });
      if (allTenants) requirePlatform(request);
      if (allTenants && (experiments ?? runs) !== null)
        throw new SlipwayError("INVALID_REQUEST", "experiments and runs are named within one tenant", {
          where: "allTenants",
        });
      const tenant = allTenants ? null : request.identity.tenant;
      return reply.status(202).send(await collector.plan({ tenant, olderThan: age, experiments, runs }));
    },
  );
  app.post(
    `${BASE}/gc`,
    {
      config,
      schema: {
        tags: ["gc"],
        summary: "Delete for good what was counted",
        description:
          "Answers at once with the state `deleting`; `GET /gc/{id}` follows it. What was restored meanwhile stays.",
        body: draft7(deleteBody),
      },
    },
    async (request, reply) => {
      const { plan } = deleteBody.parse(request.body);
      const { found } = jobOf(request, collector, plan);
      request.audited = { subject: `gc/${plan}`, was: found };
      return reply.status(202).send(collector.collect(plan));
    },
  );
  app.get(
    `${BASE}/gc/:id`,
    {
      config,
      schema: { tags: ["gc"], summary: "How far a counting or a deletion is", params: draft7(params) },
    },
    async (request) => jobOf(request, collector, params.parse(request.params).id),
  );
}

/** Another tenant's is answered as one that isn't there. */
function jobOf(request: FastifyRequest, collector: Collector, id: string): GcJob {
  const job = collector.job(id);
  if (job.tenant === null) requirePlatform(request);
  else if (job.tenant !== request.identity.tenant)
    throw new SlipwayError("GC_NOT_FOUND", `nothing was counted under the id ${id}`);
  return job;
}

function requirePlatform({ identity }: FastifyRequest): void {
  const refused = accessError(identity.caller, "", "platform");
  if (refused !== null) throw refused;
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
