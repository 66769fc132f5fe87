import type { AccessUse } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";

const RBAC = "rbac.authorization.k8s.io";

/** What an identity does, in short: verbs, group, resources. */
export type Right = readonly [verbs: string, group: string, resources: string, why: string];

export interface Account {
  namespace: string;
  name: string;
}

/** The uses of rights in the whole cluster; words of verbs and resources are separated by spaces. */
export function clusterAccess(serviceAccount: Account, rights: readonly Right[]): AccessUse[] {
  return rights.flatMap(([verbs, group, resources, why]) =>
    resources.split(" ").map((resource) => ({
      serviceAccount,
      verbs: verbs.split(" "),
      group,
      resource,
      where: "cluster" as const,
      why,
    })),
  );
}

/** The same in one namespace; `names`: only on these objects. */
export function localAccess(
  serviceAccount: Account,
  where: string,
  rights: readonly Right[],
  names?: readonly string[],
): AccessUse[] {
  return clusterAccess(serviceAccount, rights).map((use) => ({
    ...use,
    where: [where],
    ...(names === undefined ? {} : { names }),
  }));
}

/** The account, and roles that grant what is used and nothing else. `name` is that of the roles and bindings. */
export function accountWith(account: Account, name: string, uses: readonly AccessUse[]): KubernetesObject[] {
  const everywhere = uses.filter(({ where }) => where === "cluster");
  const places = new Set(uses.flatMap(({ where }) => (where === "cluster" ? [] : where)));
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...account } },
    ...(everywhere.length === 0 ? [] : bound("ClusterRole", { name }, account, everywhere)),
    ...[...places].flatMap((namespace) =>
      bound(
        "Role",
        { name, namespace },
        account,
        uses.filter(({ where }) => where !== "cluster" && where.includes(namespace)),
      ),
    ),
  ];
}

function bound(
  kind: "Role" | "ClusterRole",
  metadata: { name: string; namespace?: string },
  account: Account,
  uses: readonly AccessUse[],
): KubernetesObject[] {
  return [
    {
      apiVersion: `${RBAC}/v1`,
      kind,
      metadata: { ...metadata },
      rules: uses.map(({ verbs, group, resource, names }) => ({
        apiGroups: [group],
        resources: [resource],
        ...(names === undefined ? {} : { resourceNames: names }),
        verbs,
      })),
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: `${kind}Binding`,
      metadata: { ...metadata },
      roleRef: { apiGroup: RBAC, kind, name: metadata.name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ];
}
