import type { ClusterClient } from "../cluster/client.ts";
import { ownerOf } from "../inventory/owner.ts";
import { identityOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { Cause } from "./causes.ts";
import { MANAGED_BY, MANAGER } from "./names.ts";

interface ManagedField {
  manager?: string;
  /** `status`, which a controller writes of everybody's objects. */
  subresource?: string;
}

/**
 * Why an object can't be made: the cluster has one of its name that somebody else made, which is neither changed nor deleted
 * by us. Undefined: there is none, or it is ours.
 */
export async function strangerOf(
  client: ClusterClient,
  object: KubernetesObject,
): Promise<Cause | undefined> {
  const version = object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
  const live = await client.get(identityOf(object), version);
  if (live === undefined || isOurs(live)) return undefined;
  const managedFields = fieldsOf(live).filter(({ subresource }) => subresource === undefined);
  const owner = ownerOf({ ...live, metadata: { ...live.metadata, managedFields } }, "");
  const by =
    owner.kind === "foreign" ? owner.by : owner.kind === "platform" ? `the platform ${owner.name}` : "";
  const { kind, metadata } = object;
  return {
    code: "OBJECT_NOT_OURS",
    message: `there is another ${kind} ${metadata.namespace}/${metadata.name}, made by ${by}; it is left as it is`,
    isFinal: true,
  };
}

/** Its label may have been taken off by hand: who wrote its fields stays known. */
function isOurs(live: KubernetesObject): boolean {
  const isWritten = fieldsOf(live).some(({ manager }) => manager === MANAGER);
  return isWritten || live.metadata.labels?.[MANAGED_BY] === MANAGER;
}

function fieldsOf({ metadata }: KubernetesObject): ManagedField[] {
  return (metadata["managedFields"] ?? []) as ManagedField[];
}
