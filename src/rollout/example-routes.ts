import { basename } from "node:path";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import type { ServingBackend } from "../serving/backend.ts";
import type { Contract } from "../serving/model-store.ts";
import type { Database } from "../store/database.ts";
import { ofTenant } from "./service-owners.ts";

export interface ExampleRoutesDeps {
  db: Pick<Database, "read">;
  backend: Pick<ServingBackend, "state">;
  /** The example of the model files with this hash; rejects when it can't be had any more. */
  example(sha256: string): Promise<Contract>;
}

const params = z.object({ model: z.string().min(1).max(128) });

interface Row {
  champion: number | null;
  model_dir: string | null;
}

/** `GET /api/slipway/v1/services/{model}/example`: how the champion is called. */
export function exampleRoutes(app: FastifyInstance, deps: ExampleRoutesDeps): void {
  app.get(
    "/api/slipway/v1/services/:model/example",
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "The example that a service's champion was checked with",
        description:
          "`request` is the body of an Open Inference V2 request; null when none is kept. `protocols` are those that the service speaks.",
        params: z.toJSONSchema(params, { target: "draft-7" }),
      },
    },
    async (request) => {
      const { model } = params.parse(request.params);
      const row = await deps.db.read((tx) =>
        tx.get<Row>(
          `SELECT s.champion, c.model_dir FROM rollout_services s
           LEFT JOIN rollout_contracts c ON c.service = s.name AND c.version = s.champion WHERE s.name = ? AND ${ofTenant("s.name")}`,
          [model, request.identity.tenant],
        ),
      );
      if (row === undefined || row.champion === null)
        throw new SlipwayError("NOT_FOUND", `no service serves a model named ${JSON.stringify(model)}`, {
          given: model,
        });
      const { rules } = await deps.backend.state();
      const protocols = rules.find(({ service }) => service === model)?.protocols ?? [];
      return { model, version: Number(row.champion), protocols, request: await exampleOf(row, deps) };
    },
  );
}

async function exampleOf(
  { model_dir: modelDir }: Row,
  deps: ExampleRoutesDeps,
): Promise<Contract["request"] | null> {
  if (modelDir === null || modelDir === "") return null;
  try {
    return (await deps.example(basename(modelDir))).request;
  } catch (error) {
    if (error instanceof SlipwayError) return null;
    throw error;
  }
}
