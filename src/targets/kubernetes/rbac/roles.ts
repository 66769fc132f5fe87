import { selects } from "../label-selector.ts";
import type { LabelSelector } from "../label-selector.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export interface Rule {
  verbs: readonly string[];
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
  nonResourceURLs?: readonly string[];
}

export interface RoleRef {
  kind: "Role" | "ClusterRole";
  /** Of a Role. */
  namespace?: string;
  name: string;
}

/** Whom a binding names; a ServiceAccount has a namespace, the others none. */
export interface BindingSubject {
  kind: string;
  namespace?: string;
  name: string;
}

export interface Binding {
  kind: "RoleBinding" | "ClusterRoleBinding";
  /** Where it grants; undefined: everywhere. */
  namespace: string | undefined;
  name: string;
  role: RoleRef;
  subjects: readonly BindingSubject[];
}

/** All roles and bindings of a set of objects, with what aggregation adds. */
export interface RbacView {
  bindings: readonly Binding[];
  /** Rules of a role; undefined when the set has no such role. */
  rules(role: RoleRef): readonly Rule[] | undefined;
}

interface Role {
  rules: readonly Rule[];
  labels: Readonly<Record<string, string>>;
  aggregates: readonly LabelSelector[] | undefined;
}

/**
 * The view that objects give. The rules of a ClusterRole with an aggregationRule are those of the ClusterRoles that
 * any of its selectors selects: the controller overwrites what stands in the role itself.
 */
export function rbacView(objects: readonly KubernetesObject[]): RbacView {
  const roles = new Map<string, Role>();
  const bindings: Binding[] = [];
  for (const object of objects) {
    if (groupOf(object.apiVersion) !== RBAC_GROUP) continue;
    const { kind, metadata } = object;
    if (kind === "Role") roles.set(keyOf({ kind, ...place(object), name: metadata.name }), readRole(object));
    if (kind === "ClusterRole") roles.set(keyOf({ kind, name: metadata.name }), readRole(object));
    if (kind === "RoleBinding" || kind === "ClusterRoleBinding") bindings.push(readBinding(object, kind));
  }
  const clusterRoles = [...roles].filter(([key]) => key.startsWith("ClusterRole/"));
  const rulesOf = (key: string, seen: ReadonlySet<string>): readonly Rule[] => {
    const role = roles.get(key);
    if (role?.aggregates === undefined) return role?.rules ?? [];
    const selectors = role.aggregates;
    return clusterRoles
      .filter(([other, { labels }]) => !seen.has(other) && selectors.some((one) => selects(one, labels)))
      .flatMap(([other]) => rulesOf(other, new Set([...seen, other])));
  };
  return {
    bindings,
    rules: (role) => {
      const key = keyOf(role);
      return roles.has(key) ? rulesOf(key, new Set([key])) : undefined;
    },
  };
}

function keyOf({ kind, namespace, name }: RoleRef): string {
  return kind === "ClusterRole" ? `ClusterRole/${name}` : `Role/${namespace ?? ""}/${name}`;
}

function place({ metadata }: KubernetesObject): { namespace: string } {
  return { namespace: metadata.namespace ?? "default" };
}

function readRole(object: KubernetesObject): Role {
  const rule = object["aggregationRule"] as { clusterRoleSelectors?: LabelSelector[] } | undefined;
  return {
    rules: (object["rules"] ?? []) as readonly Rule[],
    labels: object.metadata.labels ?? {},
    aggregates: rule?.clusterRoleSelectors,
  };
}

function readBinding(object: KubernetesObject, kind: Binding["kind"]): Binding {
  const { namespace } = place(object);
  const ref = (object["roleRef"] ?? {}) as { kind?: string; name?: string };
  const role: RoleRef =
    ref.kind === "Role" && kind === "RoleBinding"
      ? { kind: "Role", namespace, name: ref.name ?? "" }
      : { kind: "ClusterRole", name: ref.name ?? "" };
  return {
    kind,
    namespace: kind === "RoleBinding" ? namespace : undefined,
    name: object.metadata.name,
    role,
    subjects: (object["subjects"] ?? []) as readonly BindingSubject[],
  };
}
