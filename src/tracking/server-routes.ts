import type { FastifyInstance } from "fastify";
import type { BlobStore } from "../store/blobs.ts";
import type { MlflowRoute } from "./wire/routes.ts";

/** The MLflow version whose contract is kept. Clients send spans only to a server of at least 3.4. */
export const MLFLOW_VERSION = "3.17.2";

/** What the server can do, as clients ask before large transfers and when a workspace is set. */
export function serverInfoRoutes({ blobs }: { blobs: BlobStore }): MlflowRoute[] {
  // Clients then go past this server, so it must be true of the store that is there.
  const isDirect = blobs.direct !== null;
  return [
    {
      method: "GET",
      path: "server-info",
      access: "signed-in",
      handle: async () => ({
        store_type: "SqlStore",
        workspaces_enabled: true,
        trace_archival_enabled: false,
        multipart_uploads_enabled: isDirect,
        multipart_downloads_enabled: isDirect,
        presigned_upload_run_id_supported: isDirect,
        presigned_upload_model_id_supported: isDirect,
        features_enabled: { gateway: false },
      }),
    },
  ];
}

/** `/version` and `/health` as MLflow's server has them. */
export function plainRoutes(app: FastifyInstance): void {
  const open = { schema: { hide: true }, config: { access: "open" as const } };
  app.get("/version", open, (_, reply) => reply.type("text/plain; charset=utf-8").send(MLFLOW_VERSION));
  app.get("/health", { ...open, exposeHeadRoute: true }, (_, reply) =>
    reply.type("text/plain; charset=utf-8").send("OK"),
  );
}
