import type { TrackingDeps } from "../deps.ts";
import { count, optionalString, runId, string } from "../wire/fields.ts";
import type { MlflowRoute } from "../wire/routes.ts";
import { metricHistory } from "./queries.ts";

/** Points in one page at most, as MLflow's clients ask for; who asks for more gets a token. */
const PAGE = 25_000;

export function metricRoutes({ db }: TrackingDeps): MlflowRoute[] {
  return [
    {
      method: "GET",
      path: "metrics/get-history",
      access: "read",
      handle: ({ fields, workspace }) =>
        db.read((tx) =>
          metricHistory(tx, {
            workspace,
            runId: runId(fields),
            key: string(fields, "metric_key"),
            limit: Math.min(PAGE, count(fields, "max_results", PAGE, Number.MAX_SAFE_INTEGER)),
            pageToken: optionalString(fields, "page_token") || undefined,
          }),
        ),
    },
  ];
}
