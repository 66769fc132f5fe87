import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import { refusalOf } from "./causes.ts";
import type { Cause } from "./causes.ts";
import { MANAGER } from "./names.ts";

/** By force: what runs is what Git says, and these objects are nobody else's. Answers why the cluster doesn't take it. */
export async function applyByForce(
  client: ClusterClient,
  object: KubernetesObject,
): Promise<Cause | undefined> {
  const name = `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
  const applied = await client.apply(object, { force: true, manager: MANAGER });
  switch (applied.result) {
    case "applied":
      return undefined;
    case "no-namespace":
      return refusalOf(name, `there is no namespace ${object.metadata.namespace}`);
    case "no-kind":
      return refusalOf(name, `it has no ${object.kind} in ${object.apiVersion}`);
    case "conflict":
      return refusalOf(name, applied.conflicts.map(({ manager }) => `${manager} owns it`).join(", "));
    case "refused":
      return refusalOf(name, applied.status.message);
  }
}
