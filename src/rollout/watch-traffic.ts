import type { Clock } from "../base/clock.ts";
import type { ServingBackend } from "../serving/backend.ts";
import type { TrafficMeter } from "./traffic-meter.ts";

const EVERY_MS = 5000;

/** Feeds a meter until the signal is aborted. What a backend that is away doesn't report, it reports when it is back. */
export async function watchTraffic(
  deps: { backend: Pick<ServingBackend, "outcomes">; clock: Clock; meter: TrafficMeter },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await deps.backend.outcomes().then(
      (report) => deps.meter.observe(report),
      () => undefined,
    );
    await deps.clock.sleep(EVERY_MS, signal).catch(() => undefined);
  }
}
