import { assessmentRoutes } from "./assessments/routes.ts";
import { readRoutes } from "./read-routes.ts";
import { writeRoutes, type TraceRouteDeps } from "./write-routes.ts";

/** MLflow's API of traces, old and new, but for the spans themselves: those come over OTLP. */
export function traceRoutes(deps: TraceRouteDeps): ReturnType<typeof assessmentRoutes> {
  return [...writeRoutes(deps), ...readRoutes(deps), ...assessmentRoutes(deps)];
}
