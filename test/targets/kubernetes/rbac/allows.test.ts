import { expect, test } from "vitest";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { grantsFor } from "../../../../src/targets/kubernetes/rbac/allows.ts";
import type { Identity } from "../../../../src/targets/kubernetes/rbac/allows.ts";
import { rbacView } from "../../../../src/targets/kubernetes/rbac/roles.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const RUNNER: Identity = { kind: "ServiceAccount", namespace: "a", name: "runner" };

function role(rules: unknown[], namespace = "a", name = "role"): KubernetesObject {
  return { apiVersion, kind: "Role", metadata: { namespace, name }, rules };
}

function clusterRole(name: string, rules: unknown[], labels = {}, more = {}): KubernetesObject {
  return { apiVersion, kind: "ClusterRole", metadata: { name, labels }, rules, ...more };
}

function binding(
  kind: "Role" | "ClusterRole",
  name: string,
  subjects: unknown[],
  namespace?: string,
): KubernetesObject {
  return {
    apiVersion,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name: "binding", ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects,
  };
}

const TO_RUNNER = [{ kind: "ServiceAccount", namespace: "a", name: "runner" }];

function may(
  objects: KubernetesObject[],
  verb: string,
  resource: string,
  where: { namespace?: string; name?: string; group?: string } = { namespace: "a" },
  identity = RUNNER,
): boolean {
  const { namespace, name, group = "" } = where;
  const request = { verb, group, resource, namespace, ...(name === undefined ? {} : { name }) };
  return grantsFor(rbacView(objects), identity, request).length > 0;
}

function granted(rule: Record<string, unknown>): KubernetesObject[] {
  return [role([{ apiGroups: [""], verbs: ["get"], ...rule }]), binding("Role", "role", TO_RUNNER, "a")];
}

test("a role grants in its binding's namespace what it names, and nothing else", () => {
  const objects = granted({ resources: ["pods"], verbs: ["get", "list"] });
  expect(may(objects, "list", "pods")).toBe(true);
  expect(may(objects, "delete", "pods")).toBe(false);
  expect(may(objects, "get", "secrets")).toBe(false);
  expect(may(objects, "get", "pods", { namespace: "b" })).toBe(false);
  expect(may(objects, "get", "pods", {}), "the whole cluster").toBe(false);
  expect(may(objects, "get", "pods", { namespace: "a", group: "apps" })).toBe(false);
});

test("wildcards and subresources", () => {
  expect(may(granted({ resources: ["pods"] }), "get", "pods/log")).toBe(false);
  expect(may(granted({ resources: ["*"] }), "get", "pods/log")).toBe(true);
  expect(may(granted({ resources: ["*/log"] }), "get", "pods/log")).toBe(true);
  expect(may(granted({ resources: ["pods/*"] }), "get", "pods/log"), "no wildcard of RBAC").toBe(false);
  expect(may(granted({ resources: ["*/log"] }), "get", "pods")).toBe(false);
  expect(may(granted({ resources: ["pods"], verbs: ["*"] }), "delete", "pods")).toBe(true);
  expect(
    may(granted({ resources: ["deployments"], apiGroups: ["*"] }), "get", "deployments", {
      namespace: "a",
      group: "apps",
    }),
  ).toBe(true);
});

test("names of objects", () => {
  const objects = granted({ resources: ["secrets"], resourceNames: ["mine"], verbs: ["get", "list"] });
  expect(may(objects, "get", "secrets", { namespace: "a", name: "mine" })).toBe(true);
  expect(may(objects, "get", "secrets", { namespace: "a", name: "other" })).toBe(false);
  expect(may(objects, "list", "secrets"), "a list has no name").toBe(false);
});

test("cluster roles: bound in one namespace or everywhere", () => {
  const read = clusterRole("read", [{ apiGroups: [""], resources: ["pods", "nodes"], verbs: ["get"] }]);
  const inOne = [read, binding("ClusterRole", "read", TO_RUNNER, "a")];
  expect(may(inOne, "get", "pods")).toBe(true);
  expect(may(inOne, "get", "nodes", {})).toBe(false);
  const everywhere = [read, binding("ClusterRole", "read", TO_RUNNER)];
  expect(may(everywhere, "get", "pods", { namespace: "b" })).toBe(true);
  expect(may(everywhere, "get", "nodes", {})).toBe(true);
});

test("aggregation replaces a role's own rules, through several levels and around a ring", () => {
  const aggregates = (label: string) => ({
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: "true" } }] },
  });
  const objects = [
    clusterRole(
      "top",
      [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
      { "to-middle": "true" },
      aggregates("to-top"),
    ),
    clusterRole("middle", [], { "to-top": "true" }, aggregates("to-middle")),
    clusterRole("leaf", [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }], { "to-middle": "true" }),
    binding("ClusterRole", "top", TO_RUNNER),
  ];
  expect(may(objects, "get", "pods")).toBe(true);
  expect(may(objects, "get", "secrets")).toBe(false);
});

test("subjects: groups that every service account is in, users, and people's groups", () => {
  const pods = role([{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }]);
  const to = (subject: Record<string, string>, identity: Identity = RUNNER) =>
    may([pods, binding("Role", "role", [subject], "a")], "get", "pods", { namespace: "a" }, identity);
  expect(to({ kind: "Group", name: "system:serviceaccounts:a" })).toBe(true);
  expect(to({ kind: "Group", name: "system:serviceaccounts:b" })).toBe(false);
  expect(to({ kind: "Group", name: "system:authenticated" })).toBe(true);
  expect(to({ kind: "User", name: "system:serviceaccount:a:runner" })).toBe(true);
  expect(to({ kind: "ServiceAccount", name: "runner", namespace: "b" })).toBe(false);
  expect(to({ kind: "Group", name: "ml" }, { kind: "User", name: "ana", groups: ["ml"] })).toBe(true);
  expect(to({ kind: "Group", name: "ml" }, { kind: "Group", name: "ml" })).toBe(true);
});

test("paths that are no resources are granted to the whole cluster only", () => {
  const metrics = clusterRole("metrics", [{ nonResourceURLs: ["/metrics", "/healthz/*"], verbs: ["get"] }]);
  const asks = (objects: KubernetesObject[], path: string) =>
    grantsFor(rbacView(objects), RUNNER, { verb: "get", path }).length > 0;
  const everywhere = [metrics, binding("ClusterRole", "metrics", TO_RUNNER)];
  expect(asks(everywhere, "/metrics")).toBe(true);
  expect(asks(everywhere, "/healthz/ready")).toBe(true);
  expect(asks(everywhere, "/logs")).toBe(false);
  expect(asks([metrics, binding("ClusterRole", "metrics", TO_RUNNER, "a")], "/metrics")).toBe(false);
});

test("a binding to a role that isn't there grants nothing", () => {
  expect(may([binding("Role", "missing", TO_RUNNER, "a")], "get", "pods")).toBe(false);
});
