import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { MlflowRoute } from "../wire/routes.ts";
import { NOT_OFFERED } from "./not-offered.ts";

/**
 * What isn't offered answers 501 NOT_IMPLEMENTED with the reason: the client doesn't try that again, and takes it for
 * no sign that the server is an older one, as it would ENDPOINT_NOT_FOUND.
 */
export function notOfferedRoutes(): MlflowRoute[] {
  return NOT_OFFERED.flatMap(({ reason, routes }) =>
    routes.map((route): MlflowRoute => {
      const [method = "", path = ""] = route.split(" ");
      return {
        method: method as MlflowRoute["method"],
        path,
        access: "signed-in",
        async handle() {
          throw new SlipwayError("MLFLOW_NOT_IMPLEMENTED", `${path} is not offered: ${reason}.`);
        },
      };
    }),
  );
}

/** MLflow's pages ask here; the platform has pages of its own. */
export function graphqlRoute(app: FastifyInstance): void {
  app.route({
    method: ["GET", "POST"],
    url: "/graphql",
    schema: { hide: true },
    config: { access: "signed-in" },
    handler: (_, reply) =>
      reply.status(501).send({
        error_code: "NOT_IMPLEMENTED",
        message: "GraphQL is not offered: it belongs to MLflow's own pages. Use the REST API.",
      }),
  });
}
