import type { TrafficRule } from "../backend.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";

/** Why a request isn't taken, with the HTTP status that says so. */
export interface Refusal {
  status: number;
  message: string;
}

/**
 * What can be refused whatever the caller speaks, before the body is looked at; counted nowhere, since no variant was
 * chosen.
 */
export function refuseTarget(
  target: InferTarget,
  rule: TrafficRule | undefined,
  deps: Pick<PredictionDeps, "variants">,
): Refusal | undefined {
  if (rule === undefined)
    return { status: 404, message: `no service serves a model named ${JSON.stringify(target.model)}` };
  // MLflow's scoring protocol is one of rows, like V1: a service that speaks V1 answers both.
  const spoken = target.protocol === "invocations" ? "v1" : target.protocol;
  if (!rule.protocols.includes(spoken))
    return {
      status: 404,
      message: `service ${JSON.stringify(target.model)} doesn't speak ${spoken}; it speaks ${rule.protocols.join(", ")}`,
    };
  if (
    target.version !== undefined &&
    deps.variants.find({ service: target.model, version: target.version }) === undefined
  )
    return {
      status: 404,
      message: `version ${target.version} of ${JSON.stringify(target.model)} isn't prepared`,
    };
  if (target.version !== undefined || !isServiceFull(rule, deps)) return undefined;
  return {
    status: 503,
    message: `service ${JSON.stringify(target.model)} has more requests than it can hold`,
  };
}

/** The whole service: a challenger alone that is full counts against the challenger, in its unit. */
function isServiceFull(
  { service, champion, challenger }: TrafficRule,
  { variants }: Pick<PredictionDeps, "variants">,
): boolean {
  const first = variants.find({ service, version: champion });
  if (first !== undefined && !first.isFull(0)) return false;
  const second = challenger === undefined ? undefined : variants.find({ service, version: challenger });
  if (second !== undefined && !second.isFull(0)) return false;
  return first !== undefined || second !== undefined;
}
