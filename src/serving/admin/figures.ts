import { ownFigures } from "../../monitoring/process-metrics.ts";
import type { ServingFigures } from "../figures.ts";
import { poolOf } from "../router/model-facts.ts";
import type { Router } from "../router/router.ts";

/** What this process has counted until now. */
export function servingFigures(router: Router): ServingFigures {
  const { rules, variants, requests } = router;
  return {
    process: ownFigures(router.now()),
    requests: requests.report(),
    services: rules.services().map((name) => ({
      name,
      isReady: poolOf(name, undefined, router)?.isReady === true,
    })),
    ...(router.tracer === undefined ? {} : { spans: router.tracer.counts() }),
    variants: [...variants.pools()].map(({ spec: { service, version }, meter, ends }) => ({
      service,
      version,
      runs: meter.read(),
      ends: Object.fromEntries(ends),
    })),
  };
}
