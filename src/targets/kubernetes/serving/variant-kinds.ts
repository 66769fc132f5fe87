/** What the objects of variants and rules are, where a variant is a Deployment of ours. */
export const VARIANT_KINDS = [
  { group: "apps", version: "v1", kind: "Deployment" },
  { group: "", version: "v1", kind: "Service" },
  { group: "", version: "v1", kind: "ConfigMap" },
  { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" },
] as const;

/** What a variant is where KServe serves it. */
export const KSERVE_KIND = {
  group: "serving.kserve.io",
  version: "v1beta1",
  kind: "InferenceService",
} as const;
