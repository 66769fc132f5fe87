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
  const name = JSON.stringify(target.model);
  if (rule === undefined) return { status: 404, message: `no service serves a model named ${name}` };
  // MLflow's scoring protocol is one of rows, like V1: a service that speaks V1 answers both.
  const spoken = target.protocol === "invocations" ? "v1" : target.protocol;
  if (!rule.protocols.includes(spoken))
    return {
      status: 404,
      message: `service ${name} doesn't speak ${spoken}; it speaks ${rule.protocols.join(", ")}`,
    };
  if (
    target.version !== undefined &&
    deps.variants.find({ service: target.model, version: target.version }) === undefined
  )
    return { status: 404, message: `version ${target.version} of ${name} isn't prepared` };
  // The whole service: a challenger alone that is full counts against the challenger, in its unit.
  const arms = [rule.champion, rule.challenger].flatMap((version) =>
    version === undefined ? [] : (deps.variants.find({ service: target.model, version }) ?? []),
  );
  const isFull = target.version === undefined && arms.length > 0 && arms.every((pool) => pool.isFull(0));
  return isFull ? { status: 503, message: `service ${name} has more requests than it can hold` } : undefined;
}
