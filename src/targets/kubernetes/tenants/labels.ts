import type { PodSelector } from "../component.ts";

/** Of every pod of an inference service, whoever makes it: KServe hands an InferenceService's labels on to its pods. */
export function serviceLabels(service: string): Record<string, string> {
  return { "slipway.dev/service": service };
}

export function podsOf(namespace: string, service: string): PodSelector {
  return { namespace, labels: serviceLabels(service) };
}
