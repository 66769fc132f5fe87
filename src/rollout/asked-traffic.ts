import type { TrafficGiven } from "./plan.ts";

/** What somebody who asks for a plan knows of the traffic; it goes before what was measured. */
export type AskedTraffic = Partial<Pick<TrafficGiven, "requestsPerSecond" | "errorRate">>;

/** Of a service whose errors nobody has measured. */
const ASSUMED_ERROR_RATE = 0.01;

/** Traffic as asked, completed by what is measured. */
export function withAsked(
  measured: TrafficGiven | undefined,
  asked: AskedTraffic | undefined,
): TrafficGiven | undefined {
  if (asked?.requestsPerSecond === undefined && asked?.errorRate === undefined) return measured;
  const requestsPerSecond = asked.requestsPerSecond ?? measured?.requestsPerSecond;
  if (requestsPerSecond === undefined) return undefined;
  const errorRate = asked.errorRate ?? measured?.errorRate ?? ASSUMED_ERROR_RATE;
  return { ...measured, requestsPerSecond, errorRate, source: "given" };
}
