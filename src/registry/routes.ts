import type { FastifyInstance } from "fastify";
import { mlflowRoutes, type LogDefect } from "../tracking/wire/routes.ts";
import { aliasRoutes } from "./alias-routes.ts";
import type { RegistryCore } from "./create-registry.ts";
import type { RegistryDeps } from "./deps.ts";
import { modelRoutes } from "./model-routes.ts";
import { versionRoutes } from "./version-routes.ts";

/** MLflow's model registry API. */
export function registryRoutes(
  app: FastifyInstance,
  deps: RegistryDeps & { registry: RegistryCore; logDefect: LogDefect },
): void {
  mlflowRoutes(app, [...modelRoutes(deps), ...versionRoutes(deps), ...aliasRoutes(deps)], deps.logDefect);
}
