import type { Project } from "../spec/project.ts";

/** A setting that asks for what the platform can't do. */
export interface SpecLimit {
  /** Of the setting in slipway.yaml. */
  path: string[];
  message: string;
  given: string;
  allowed: string;
}

/** What the pods of a service never learn, or can't do, where a gateway divides its requests among them by weights. */
export const GATEWAY_WORDS =
  "a gateway divides this service's requests by weights: its share is what was observed, interval by interval, without the intervals in which weights change; its requests are in no prediction log";

/** Everything of a project that a gateway's weights can't do. Pure. */
export function gatewayLimits({ rollout, serving, model }: Project): SpecLimit[] {
  if (model === undefined) return [];
  const limit = (path: string[], what: string, given: string): SpecLimit => ({
    path,
    message: `${what}, which a gateway's weights can't do`,
    given,
    allowed: "left out, or a platform whose components.slipway.routing is router",
  });
  const labels = rollout.metrics.flatMap((metric, index) =>
    "from" in metric
      ? [
          limit(
            ["rollout", "metrics", String(index)],
            `${metric.name} is judged by labels, and labels name requests of the prediction log`,
            metric.name,
          ),
        ]
      : [],
  );
  return [
    ...(rollout.shadow === null
      ? []
      : [
          limit(["rollout", "shadow"], "the challenger gets copies of requests", `${rollout.shadow.share} %`),
        ]),
    ...(rollout.fallback
      ? [limit(["rollout", "fallback"], "the champion answers what the challenger fails", "true")]
      : []),
    ...labels,
    ...(serving.scale.min > 0
      ? []
      : [limit(["serving", "scale", "min"], "the first request waits for a pod", "0")]),
    ...(serving.sticky === undefined
      ? []
      : [limit(["serving", "sticky"], "callers stay with one variant", serving.sticky.header)]),
    ...((serving.log?.sample ?? 0) > 0
      ? [limit(["serving", "log"], "requests go to the prediction log", `sample ${serving.log?.sample ?? 0}`)]
      : []),
  ];
}
