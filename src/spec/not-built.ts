/**
 * Keys that the file will have and whose feature isn't built: refused by name, never ignored. List indices are `*`.
 * A row leaves this table in the change that builds its feature.
 */
const NOT_BUILT: Readonly<Record<string, string>> = {
  monitoring: "drift detection and alerts",
  limits: "limits on a project",
  "pipeline.schedule": "running a pipeline on a schedule",
  "pipeline.limits": "limits on a pipeline",
  "pipeline.steps.*.limits": "limits on a step",
  "pipeline.steps.*.image": "running a step in a container image",
  "pipeline.steps.*.resources.gpu": "asking for GPUs",
  "model.limits": "limits on a model",
  "serving.batching": "batching of predictions",
};

/** What a key that isn't built would do; undefined for any other key. */
export function notBuiltYet(path: readonly (string | number)[]): string | undefined {
  const key = path.map((part) => (typeof part === "number" ? "*" : part)).join(".");
  return Object.hasOwn(NOT_BUILT, key) ? NOT_BUILT[key] : undefined;
}
