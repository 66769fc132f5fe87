import type { FastifyInstance } from "fastify";
import type { MlflowRoute } from "./wire/routes.ts";

/** The MLflow version whose contract is kept. Clients send spans only to a server of at least 3.4. */
export const MLFLOW_VERSION = "3.17.2";

/** What the server can do, as clients ask before large transfers and when a workspace is set. */
export function serverInfoRoutes(): MlflowRoute[] {
  return [
    {
      method: "GET",
      path: "server-info",
      access: "signed-in",
      handle: async () => ({
        store_type: "SqlStore",
        workspaces_enabled: false,
        trace_archival_enabled: false,
        multipart_uploads_enabled: false,
        multipart_downloads_enabled: false,
        presigned_upload_run_id_supported: false,
        presigned_upload_model_id_supported: false,
        features_enabled: { gateway: false },
      }),
    },
  ];
}

/** `/version` and `/health` as MLflow's server has them. */
export function plainRoutes(app: FastifyInstance): void {
  const schema = { hide: true };
  app.get("/version", { schema }, (_, reply) => reply.type("text/plain; charset=utf-8").send(MLFLOW_VERSION));
  app.get("/health", { schema, exposeHeadRoute: true }, (_, reply) =>
    reply.type("text/plain; charset=utf-8").send("OK"),
  );
}
