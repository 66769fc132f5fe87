import type { PlannedObject } from "./object-plan.ts";

/** What applying does that no later apply brings back; one sentence each. */
export function lossesOf(objects: readonly PlannedObject[]): string[] {
  return objects.flatMap((planned) => {
    const { action, identity, key } = planned;
    if (action !== "delete" && action !== "replace") return shrinkage(planned);
    const why = WHAT_IS_LOST[`${identity.kind}.${identity.group}`];
    if (why !== undefined) return [`${key}: ${why}`];
    return action === "replace" ? [`${key} is deleted and made anew: it is away in between`] : [];
  });
}

const WHAT_IS_LOST: Readonly<Record<string, string>> = {
  "Namespace.": "everything in it is deleted, also what isn't ours",
  "CustomResourceDefinition.apiextensions.k8s.io": "all objects of its kind in the whole cluster are deleted",
  "PersistentVolumeClaim.": "its data is deleted, unless its volume is kept by the storage class",
  "Secret.": "its values are deleted",
  "Cluster.postgresql.cnpg.io": "the database and its volumes are deleted; only backups stay",
  "StatefulSet.apps": "its pods are deleted; its volumes stay",
};

/** A volume can grow and never shrink; a definition's version that is gone takes its objects' form with it. */
function shrinkage({ action, key, fields }: PlannedObject): string[] {
  if (action !== "change") return [];
  return fields.flatMap(({ path, after }) => {
    if (/\.spec\.versions\[name=[^\]]+\]$/.test(path) && after === undefined)
      return [`${key}: a version is no longer served (${path})`];
    return [];
  });
}
