import type { FastifyInstance } from "fastify";
import { directArtifactRoutes } from "./artifacts/direct-routes.ts";
import { pageArtifactRoutes } from "./artifacts/page-routes.ts";
import { proxiedArtifactRoutes } from "./artifacts/proxied-routes.ts";
import { runArtifactRoutes } from "./artifacts/run-routes.ts";
import type { TrackingRouteDeps } from "./deps.ts";
import { evaluationDatasetRoutes } from "./evaluation-datasets/routes.ts";
import { experimentRoutes } from "./experiments/routes.ts";
import { inputRoutes } from "./inputs/routes.ts";
import { datasetSummaryRoutes } from "./inputs/summaries.ts";
import { bulkMetricRoutes } from "./metrics/bulk-routes.ts";
import { metricRoutes } from "./metrics/routes.ts";
import { loggedModelRoutes } from "./models/routes.ts";
import { runRoutes } from "./runs/routes.ts";
import { scorerRoutes } from "./scorers/routes.ts";
import { plainRoutes, serverInfoRoutes } from "./server-routes.ts";
import { otlpRoutes } from "./traces/otlp/routes.ts";
import { traceRoutes } from "./traces/routes.ts";
import { graphqlRoute, notOfferedRoutes } from "./unsupported/routes.ts";
import { mlflowRoutes } from "./wire/routes.ts";

/** MLflow's tracking API, the proxied artifacts, `/version` and `/health`. */
export function trackingRoutes(app: FastifyInstance, deps: TrackingRouteDeps): void {
  plainRoutes(app);
  graphqlRoute(app);
  const routes = [
    ...experimentRoutes(deps),
    ...runRoutes(deps),
    ...metricRoutes(deps),
    ...inputRoutes(deps),
    ...datasetSummaryRoutes(deps),
    ...loggedModelRoutes(deps),
    ...bulkMetricRoutes(deps),
    ...evaluationDatasetRoutes(deps),
    ...scorerRoutes(deps),
    ...traceRoutes(deps),
    ...notOfferedRoutes(),
    ...runArtifactRoutes(deps),
    ...serverInfoRoutes(deps),
  ];
  mlflowRoutes(app, routes, deps.logDefect);
  otlpRoutes(app, deps);
  proxiedArtifactRoutes(app, deps);
  directArtifactRoutes(app, deps);
  pageArtifactRoutes(app, deps);
}
