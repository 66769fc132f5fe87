import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { accessError } from "../http/access.ts";
import { BASE, draft7, tenantName, type TenancyRouteDeps } from "./route-deps.ts";

const text = z.string().min(1).max(300);
const time = z.coerce.number().int().min(0);
const query = z.object({
  tenant: tenantName.optional().describe("Left out: all tenants, for platform admins; needed by all others."),
  actor: text.optional(),
  action: text
    .optional()
    .describe("How the action begins, such as `DELETE` or `POST /api/slipway/v1/tokens`."),
  subject: text.optional().describe("Such as `tenant/team-a`, or the address of the request."),
  since: time.optional().describe("Milliseconds since the epoch; from then on."),
  until: time.optional().describe("Milliseconds since the epoch; before that."),
  before: z.coerce.number().int().min(1).optional().describe("The `next` of the page before."),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** The audit log, below /api/slipway/v1. */
export function auditRoutes(app: FastifyInstance, { audit }: Pick<TenancyRouteDeps, "audit">): void {
  app.get(
    `${BASE}/audit`,
    {
      config: { access: "signed-in" },
      schema: {
        tags: ["audit"],
        summary: "Changes that were made or refused, newest first",
        description: "A tenant's admins see its own; platform admins see all.",
        querystring: draft7(query),
      },
    },
    async (request) => {
      const wanted = query.parse(request.query);
      const { caller } = request.identity;
      const refused = accessError(
        caller,
        wanted.tenant ?? "",
        wanted.tenant === undefined ? "platform" : "admin",
      );
      if (refused !== null) throw refused;
      const entries = await audit.search({ ...wanted, limit: wanted.limit + 1 });
      const page = entries.slice(0, wanted.limit);
      const last = page.at(-1);
      return { entries: page, ...(entries.length > page.length && last ? { next: last.id } : {}) };
    },
  );
}
