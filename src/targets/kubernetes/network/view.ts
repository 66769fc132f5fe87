import type { Labels } from "../label-selector.ts";
import type { KubernetesObject } from "../object.ts";
import { podsOf } from "../pod-template.ts";
import type { Pod } from "../pod-template.ts";
import { addressesOf, union } from "./addresses.ts";
import type { AddressSet } from "./addresses.ts";
import { isNetworkPolicy, readPolicy } from "./policy.ts";
import type { NetworkPolicy } from "./policy.ts";

/** What decides who can talk to whom. */
export interface NetworkView {
  /** Labels of each namespace, the one that the API server adds included. */
  namespaces: ReadonlyMap<string, Labels>;
  pods: readonly Pod[];
  policies: readonly NetworkPolicy[];
  /** Addresses that pods can have; undefined: not known, so that any address may be a pod's. */
  podAddresses: AddressSet | undefined;
}

/** Set by the API server on every namespace (1.22 and later); nothing else labels one by itself. */
export const NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name";

/** One end of a connection. */
export type Party = { kind: "pod"; pod: Pod } | { kind: "addresses"; addresses: AddressSet; text: string };

/** The view that a set of objects gives. `podCidrs` as the cluster was set up with, when that is known. */
export function networkView(
  objects: readonly KubernetesObject[],
  podCidrs: readonly string[] = [],
): NetworkView {
  const namespaces = new Map<string, Labels>();
  for (const { kind, apiVersion, metadata } of objects)
    if (kind === "Namespace" && apiVersion === "v1") namespaces.set(metadata.name, metadata.labels ?? {});
  const pods = objects.flatMap(podsOf);
  for (const { namespace } of pods) if (!namespaces.has(namespace)) namespaces.set(namespace, {});
  return {
    namespaces: new Map([...namespaces].map(([name, labels]) => [name, withName(name, labels)])),
    pods,
    policies: objects.filter(isNetworkPolicy).map(readPolicy),
    podAddresses: podCidrs.length === 0 ? undefined : union(...podCidrs.map(addressesOf)),
  };
}

/** Labels of a namespace that may be one the view doesn't know. */
export function namespaceLabels(view: NetworkView, name: string): Labels {
  return view.namespaces.get(name) ?? withName(name, {});
}

export function addressParty(cidr: string): Party {
  return { kind: "addresses", addresses: addressesOf(cidr), text: cidr };
}

function withName(name: string, labels: Labels): Labels {
  return { ...labels, [NAMESPACE_NAME_LABEL]: name };
}
