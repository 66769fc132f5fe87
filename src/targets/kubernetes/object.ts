/**
 * An object of the Kubernetes API as it stands in a file: the three fields that every kind has, and those of its own.
 * Components write the kinds they know with the types of `kubernetes-types`, which are assignable to this one.
 */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  /** Absent for what belongs to the whole cluster. */
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** What tells one object of a cluster from another, whichever version of its API it is written in. */
export interface ObjectIdentity {
  group: string;
  kind: string;
  namespace: string | undefined;
  name: string;
}

/** The group of `apps/v1` is `apps`, that of `v1` (the core group) is empty. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

export function identityOf(object: KubernetesObject): ObjectIdentity {
  return {
    group: groupOf(object.apiVersion),
    kind: object.kind,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
  };
}

/** As people write it, and unique in a cluster: `deployments.apps` are `Deployment.apps/slipway/control`. */
export function identityKey({ group, kind, namespace, name }: ObjectIdentity): string {
  return [group === "" ? kind : `${kind}.${group}`, namespace ?? "", name].join("/");
}
