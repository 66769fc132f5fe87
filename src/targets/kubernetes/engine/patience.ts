import type { StepStatus } from "../../../pipelines/engine.ts";
import type { Step } from "../../../spec/project.ts";
import { isBeyondQuota } from "../quota-words.ts";

export interface ArgoPatience {
  /** A step whose container can't be made, such as for its image, is failed after so long; default 10 minutes. */
  brokenMs: number;
  /** One that waits for room, quota or a volume, after so long; default an hour. */
  roomMs: number;
  /** Argo is given so long to end a cancelled run's pods; then they are deleted here. Default 10 s. */
  cancelMs: number;
}

/**
 * Milliseconds for which a step may be kept from beginning: not longer than one attempt of it may take. A quota is another
 * matter: other work of the tenant may hold it for as long as it takes, and then there is room; unless there never can be.
 */
export function patienceFor(
  { code, reason = "" }: Pick<StepStatus, "code" | "reason">,
  { timeout }: Pick<Step, "timeout">,
  { brokenMs, roomMs }: ArgoPatience,
): number {
  if (code === "STEP_QUOTA_EXCEEDED") return isBeyondQuota(reason) ? 0 : roomMs;
  const isBroken = code === "STEP_IMAGE_UNAVAILABLE" || code === "STEP_NOT_STARTED";
  return Math.min(isBroken ? brokenMs : roomMs, timeout);
}
