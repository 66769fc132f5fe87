import type { TrackingDeps } from "../deps.ts";
import { count, optionalString, runId, string } from "../wire/fields.ts";
import type { MlflowRoute } from "../wire/routes.ts";
import { metricHistory } from "./queries.ts";

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
            limit: count(fields, "max_results", 25_000, 25_000),
            pageToken: optionalString(fields, "page_token") || undefined,
          }),
        ),
    },
  ];
}
