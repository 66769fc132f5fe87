import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import type { ServingBackend, VariantState } from "./backend.ts";

const params = z.object({ model: z.string().min(1).max(128) });
const query = z.object({ lines: z.coerce.number().int().min(1).max(1000).default(100) });

/** `GET /api/slipway/v1/services/{model}/logs`: the last lines of the workers of all its variants. */
export function servingLogRoutes(
  app: FastifyInstance,
  deps: {
    backend: ServingBackend;
    /** Whether a service is that tenant's. */
    isServiceOf: (tenant: string, service: string) => Promise<boolean>;
  },
): void {
  app.get(
    "/api/slipway/v1/services/:model/logs",
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Last log lines of a service's workers",
        params: z.toJSONSchema(params, { target: "draft-7" }),
        querystring: z.toJSONSchema(query, { target: "draft-7", io: "input" }),
      },
    },
    async (request) => {
      const { model } = params.parse(request.params);
      const { lines } = query.parse(request.query);
      const { variants: all } = await deps.backend.state();
      const variants: VariantState[] = [];
      for (const variant of all)
        if (await deps.isServiceOf(request.identity.tenant, variant.service)) variants.push(variant);
      const served = variants.filter(({ service }) => service === model);
      if (served.length === 0) {
        throw new SlipwayError("NOT_FOUND", `service ${model} has no workers`, {
          given: model,
          allowed: [...new Set(variants.map(({ service }) => service))].join(", ") || "no service runs yet",
        });
      }
      const each = await Promise.all(
        served.map(async ({ service, version }) =>
          (await deps.backend.logs({ service, version }, lines)).map(
            (line) => `version ${version} | ${line}`,
          ),
        ),
      );
      return { lines: each.flat() };
    },
  );
}
