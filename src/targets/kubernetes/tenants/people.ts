import type { Subject, Tenant } from "../../../spec/platform/platform.ts";
import type { Facts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";

const RBAC = "rbac.authorization.k8s.io";
const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete"];

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: readonly string[];
}

type Kinds = readonly (readonly [group: string, resources: string])[];

/** Viewers, members and admins: each may do what the one before may, and more. Nobody changes quota, limits or network. */
export function peopleOf(tenant: Tenant, facts: Partial<Facts>): KubernetesObject[] {
  const { viewers, members, admins } = tenant.people;
  const see = rules(seen(facts), READ);
  const change = [...see, ...rules(changed(facts), WRITE), ...INSIDE];
  return [
    ...bound(tenant.name, "viewer", see, viewers),
    ...bound(tenant.name, "member", change, members),
    ...bound(tenant.name, "admin", [...change, ...RULING], admins),
  ];
}

/** Everything but what Secrets hold. */
function seen(facts: Partial<Facts>): Kinds {
  return [
    [
      "",
      "pods pods/log services configmaps events persistentvolumeclaims resourcequotas limitranges serviceaccounts",
    ],
    ["apps", "deployments replicasets statefulsets"],
    ["batch", "jobs cronjobs"],
    ["autoscaling", "horizontalpodautoscalers"],
    ["policy", "poddisruptionbudgets"],
    ["networking.k8s.io", "networkpolicies"],
    [RBAC, "roles rolebindings"],
    ...(facts.gateway === undefined ? [] : [["gateway.networking.k8s.io", "httproutes"] as const]),
    ...(facts.inference === undefined ? [] : [["serving.kserve.io", "inferenceservices"] as const]),
    ...(facts.workflows === undefined
      ? []
      : [["argoproj.io", "workflows workflowtemplates cronworkflows"] as const]),
    ...(facts.monitoring === undefined
      ? []
      : [["monitoring.coreos.com", "podmonitors servicemonitors prometheusrules"] as const]),
  ];
}

/**
 * What runs. No routes: one of a tenant could take another's host name. No monitors and no rules: they are read with
 * Prometheus's rights, not with the tenant's.
 */
function changed(facts: Partial<Facts>): Kinds {
  return [
    ["", "pods services configmaps persistentvolumeclaims"],
    ["apps", "deployments statefulsets"],
    ["batch", "jobs cronjobs"],
    ["autoscaling", "horizontalpodautoscalers"],
    ["policy", "poddisruptionbudgets"],
    ...(facts.inference === undefined ? [] : [["serving.kserve.io", "inferenceservices"] as const]),
    ...(facts.workflows === undefined
      ? []
      : [["argoproj.io", "workflows workflowtemplates cronworkflows"] as const]),
  ];
}

/** Into a running pod: whoever may start one has what is in it already. */
const INSIDE: readonly Rule[] = [
  { apiGroups: [""], resources: ["pods/exec", "pods/portforward"], verbs: ["create"] },
];

const NAMES = ["tenant-viewer", "tenant-member", "tenant-admin"];

/** Who is in the tenant, by these three roles and no other; and its Secrets. */
const RULING: readonly Rule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: [...READ, ...WRITE] },
  { apiGroups: [RBAC], resources: ["rolebindings"], verbs: WRITE },
  { apiGroups: [RBAC], resources: ["roles"], resourceNames: NAMES, verbs: ["bind"] },
];

function rules(kinds: Kinds, verbs: readonly string[]): Rule[] {
  return kinds.map(([group, resources]) => ({
    apiGroups: [group],
    resources: resources.split(" "),
    verbs,
  }));
}

function bound(
  namespace: string,
  who: string,
  rules: readonly Rule[],
  subjects: readonly Subject[],
): KubernetesObject[] {
  const metadata = { name: `tenant-${who}`, namespace };
  const role = { apiVersion: `${RBAC}/v1`, kind: "Role", metadata: { ...metadata }, rules };
  if (subjects.length === 0) return [role];
  return [
    role,
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { ...metadata },
      roleRef: { apiGroup: RBAC, kind: "Role", name: metadata.name },
      subjects: subjects.map((subject) =>
        subject.kind === "ServiceAccount" ? { ...subject } : { ...subject, apiGroup: RBAC },
      ),
    },
  ];
}
