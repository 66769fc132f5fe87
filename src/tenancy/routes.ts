import type { FastifyInstance } from "fastify";
import { auditRoutes } from "./audit-routes.ts";
import { peopleRoutes } from "./people-routes.ts";
import type { TenancyRouteDeps } from "./route-deps.ts";
import { tenantRoutes } from "./tenant-routes.ts";
import { tokenRoutes } from "./token-routes.ts";
import { whoamiRoute } from "./whoami-route.ts";

/** Tenants, people, tokens and the audit log, below /api/slipway/v1. */
export function tenancyRoutes(app: FastifyInstance, deps: TenancyRouteDeps): void {
  whoamiRoute(app);
  tenantRoutes(app, deps);
  peopleRoutes(app, deps);
  tokenRoutes(app, deps);
  auditRoutes(app, deps);
}
