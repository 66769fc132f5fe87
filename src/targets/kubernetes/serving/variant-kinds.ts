/** What the objects of variants and rules are, where a variant is a Deployment of ours. */
export const VARIANT_KINDS = [
  { group: "apps", version: "v1", kind: "Deployment" },
  { group: "", version: "v1", kind: "Service" },
  { group: "", version: "v1", kind: "ConfigMap" },
  { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" },
] as const;

/** By which a gateway divides a service's traffic. */
export const ROUTE_KIND = { group: "gateway.networking.k8s.io", version: "v1", kind: "HTTPRoute" } as const;

/** What a variant is where KServe serves it. */
export const KSERVE_KIND = {
  group: "serving.kserve.io",
  version: "v1beta1",
  kind: "InferenceService",
} as const;

/** A kind of object that control applies by itself, and so has rights on. */
export type CarriedKind = typeof KSERVE_KIND | typeof ROUTE_KIND | (typeof VARIANT_KINDS)[number];
