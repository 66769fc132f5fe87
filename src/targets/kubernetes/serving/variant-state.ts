import type { VariantRef, VariantState, WorkerState } from "../../../serving/backend.ts";
import { isOrdinary } from "./causes.ts";
import type { Cause } from "./causes.ts";
import { lastEnd, workerOf } from "./pods.ts";
import type { Pod } from "./pods.ts";

/**
 * A variant's pods as its workers.
 * @param cause what keeps it from being ready; it is told with each pod that isn't, and by itself where no pod could be made
 */
export function variantStateOf(
  { service, version }: VariantRef,
  pods: readonly Pod[],
  cause: Cause | undefined,
): VariantState {
  const why = cause === undefined ? {} : { lastExit: `${cause.code}: ${cause.message}` };
  const workers = pods
    .map(workerOf)
    .map((worker): WorkerState =>
      worker.state === "starting" || worker.state === "backing-off" ? { ...worker, ...why } : worker,
    );
  const none: WorkerState[] = cause === undefined ? [] : [{ state: "starting", restarts: 0, ...why }];
  const ends = pods.flatMap((pod) => lastEnd(pod) ?? []).toSorted((a, b) => b.at - a.at);
  return {
    service,
    version,
    workers: workers.length === 0 ? none : workers,
    ...(cause && !isOrdinary(cause) && { obstacle: { code: cause.code, message: cause.message } }),
    ...(ends[0] && { lastEnd: { at: ends[0].at, reason: ends[0].reason } }),
  };
}
