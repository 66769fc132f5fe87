import type { FastifyInstance } from "fastify";
import { readCredentials } from "../../http/credentials.ts";
import { SlipwayError } from "../../http/errors.ts";
import { ARCHIVE_TYPE } from "./archive.ts";
import type { ArchiveStore } from "./archive-store.ts";

export interface ArchiveRoutesDeps {
  archives: Pick<ArchiveStore, "open">;
  /** The tenant whose model pods carry this token; undefined: it is no such token. */
  tenantOfWorker(token: string): string | undefined;
}

/** Where a pod that serves a model fetches it. */
export function archiveRoutes(app: FastifyInstance, { archives, tenantOfWorker }: ArchiveRoutesDeps): void {
  app.get<{ Params: { digest: string } }>(
    "/api/slipway/v1/served-models/:digest",
    {
      // Pods show a token that is made for them and says whose they are; it gives a right to nothing else.
      config: { access: "open" },
      schema: {
        summary: "Files of a served model, for the pods that serve it",
        params: {
          type: "object",
          required: ["digest"],
          properties: { digest: { type: "string", pattern: "^[0-9a-f]{64}$" } },
        },
        produces: [ARCHIVE_TYPE],
      },
    },
    async (request, reply) => {
      const given = readCredentials(request.headers.authorization ?? "");
      const tenant = given?.kind === "token" ? tenantOfWorker(given.token) : undefined;
      if (tenant === undefined)
        throw new SlipwayError("TOKEN_REQUIRED", "only pods that serve models may fetch them", {
          where: "Authorization header",
        });
      const { body, size } = await archives.open(request.params.digest, tenant);
      return reply.type(ARCHIVE_TYPE).header("content-length", size).send(body);
    },
  );
}
