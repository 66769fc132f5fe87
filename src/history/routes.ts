import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import type { Database } from "../store/database.ts";
import { historyOf } from "./history.ts";

const params = z.object({ model: z.string().min(1).max(128) });
const query = z.object({
  at: z
    .string()
    .max(40)
    .optional()
    .describe("What served at that moment: milliseconds since the epoch, or ISO 8601."),
  before: z.coerce.number().int().min(0).optional().describe("The `next` of the page before."),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

/** `GET /api/slipway/v1/models/{model}/history`: who served what, when, from which tracking run, commit and data. */
export function historyRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  app.get(
    "/api/slipway/v1/models/:model/history",
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        tags: ["history"],
        summary: "What served, when, and where it came from, newest first",
        description: "It outlives the versions and the tracking runs that it tells of.",
        params: draft7(params),
        querystring: draft7(query),
      },
    },
    async (request) => {
      const { model } = params.parse(request.params);
      const { at, before = Number.MAX_SAFE_INTEGER, limit } = query.parse(request.query);
      const page = at === undefined ? { before, limit } : { at: timeOf(at) };
      const found = await db.read((tx) => historyOf(tx, request.identity.tenant, model, page));
      if (found) return { model, ...found };
      throw new SlipwayError("NOT_FOUND", `nothing has ever served under the name ${model}`);
    },
  );
}

function timeOf(text: string): number {
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(time)) return Math.floor(time);
  throw new SlipwayError("INVALID_REQUEST", "that isn't a time", {
    where: "at",
    given: text,
    allowed: "milliseconds since the epoch, or ISO 8601",
  });
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
