import type { PodReport } from "../base/pod-report.ts";
import type { WhyLink } from "./answer.ts";

/** What the cluster says of pods: where they are, its events, then what their containers printed. */
export function podLinks(pods: readonly PodReport[]): WhyLink[] {
  return pods.map(({ name, state, message, at, events, log }): WhyLink => {
    const lines = [...events, ...log];
    return { kind: "pod", name, state, message, at, ...(lines.length > 0 && { log: lines }) };
  });
}
