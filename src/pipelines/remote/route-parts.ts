import type { FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { StepDesk } from "./desk.ts";

export const RUNS = "/api/slipway/v1/pipeline-runs";

/** The caller's tenant, after it is known that the pipeline run is of it and under way. */
export function tenantOf(request: FastifyRequest<{ Params: { id: string } }>, desk: StepDesk): string {
  requireStep(request);
  const { tenant } = request.identity;
  desk.find({ tenant, run: request.params.id });
  return tenant;
}

/** An assignment holds the credentials of steps: a person who may only look must not get them. */
export function requireStep({ identity: { caller } }: Pick<FastifyRequest, "identity">): void {
  if (caller.kind === "step" || caller.kind === "local") return;
  throw new SlipwayError("ACCESS_DENIED", "that is for the platform's own pipeline steps", {
    hint: "`slipway logs run/<id>` and the artifacts of the tracking run show what a step did.",
  });
}
