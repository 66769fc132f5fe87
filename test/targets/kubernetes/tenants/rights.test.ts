import { beforeAll, describe, expect, test } from "vitest";
import { grantsFor } from "../../../../src/targets/kubernetes/rbac/allows.ts";
import type { Identity } from "../../../../src/targets/kubernetes/rbac/allows.ts";
import { rbacView } from "../../../../src/targets/kubernetes/rbac/roles.ts";
import type { RbacView } from "../../../../src/targets/kubernetes/rbac/roles.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { brokenBy, objectIn, twoTenants } from "./two-tenants.ts";

let rendered: Rendered;
let view: RbacView;
beforeAll(() => {
  rendered = twoTenants();
  view = rbacView(rendered.objects.map(({ object }) => object));
});

const ANA: Identity = { kind: "User", name: "ana" };
const MEMBER: Identity = { kind: "Group", name: "team-a" };
const VIEWER: Identity = { kind: "Group", name: "everyone" };

/** `verb resource.group`, in team-a unless a namespace is named. */
function may(who: Identity, what: string, namespace: string | undefined = "team-a", name?: string): boolean {
  const [verb = "", rest = ""] = what.split(" ");
  const [resource = "", ...group] = rest.split(".");
  const asked = { verb, group: group.join("."), resource, namespace };
  return grantsFor(view, who, name === undefined ? asked : { ...asked, name }).length > 0;
}

describe("people", () => {
  test("viewers look, at no Secret, and change nothing", () => {
    expect(may(VIEWER, "list pods")).toBe(true);
    expect(may(VIEWER, "get pods/log")).toBe(true);
    expect(may(VIEWER, "get inferenceservices.serving.kserve.io")).toBe(true);
    expect(may(VIEWER, "get secrets")).toBe(false);
    expect(may(VIEWER, "create pods/exec")).toBe(false);
    expect(may(VIEWER, "patch deployments.apps")).toBe(false);
  });

  test("members run and change workloads, and nothing that holds the tenant in its place", () => {
    expect(may(MEMBER, "create deployments.apps")).toBe(true);
    expect(may(MEMBER, "create workflows.argoproj.io")).toBe(true);
    for (const held of [
      "networkpolicies.networking.k8s.io",
      "resourcequotas",
      "limitranges",
      "roles.rbac.authorization.k8s.io",
      "rolebindings.rbac.authorization.k8s.io",
      "httproutes.gateway.networking.k8s.io",
      "prometheusrules.monitoring.coreos.com",
      "serviceaccounts",
    ])
      for (const verb of ["create", "update", "patch", "delete"])
        expect(may(MEMBER, `${verb} ${held}`), `${verb} ${held}`).toBe(false);
    expect(may(MEMBER, "get secrets")).toBe(false);
  });

  test("admins say who is in, by the tenant's own three roles", () => {
    expect(may(ANA, "get secrets")).toBe(true);
    expect(may(ANA, "create rolebindings.rbac.authorization.k8s.io")).toBe(true);
    expect(may(ANA, "bind roles.rbac.authorization.k8s.io", "team-a", "tenant-member")).toBe(true);
    expect(may(ANA, "bind roles.rbac.authorization.k8s.io", "team-a", "slipway-control")).toBe(false);
    expect(may(ANA, "escalate roles.rbac.authorization.k8s.io", "team-a", "tenant-admin")).toBe(false);
    expect(may(ANA, "delete resourcequotas")).toBe(false);
  });

  test("nobody has any right in another tenant, in the platform or in the whole cluster", () => {
    for (const who of [ANA, MEMBER, VIEWER])
      for (const namespace of ["team-b", "slipway", "kube-system"])
        expect(may(who, "list pods", namespace)).toBe(false);
    expect(grantsFor(view, ANA, { verb: "list", group: "", resource: "pods", namespace: undefined })).toEqual(
      [],
    );
  });
});

describe("workloads", () => {
  const account = (namespace: string, name: string): Identity => ({
    kind: "ServiceAccount",
    namespace,
    name,
  });

  test("a service has no right and no token, a step says what became of it", () => {
    expect(may(account("team-a", "serving"), "list pods")).toBe(false);
    expect(objectIn(rendered, "ServiceAccount", "team-a", "serving")["automountServiceAccountToken"]).toBe(
      false,
    );
    const steps = account("team-a", "pipeline");
    expect(may(steps, "create workflowtaskresults.argoproj.io")).toBe(true);
    expect(may(steps, "get secrets")).toBe(false);
    expect(may(steps, "create workflowtaskresults.argoproj.io", "team-b")).toBe(false);
  });

  test("control makes variants and sets weights where there are services, and reads no Secret", () => {
    const control = account("slipway", "slipway-control");
    expect(may(control, "patch httproutes.gateway.networking.k8s.io")).toBe(true);
    expect(may(control, "create deployments.apps")).toBe(true);
    expect(may(control, "create deployments.apps", "team-b")).toBe(true);
    expect(may(control, "create inferenceservices.serving.kserve.io", "team-b")).toBe(true);
    expect(may(control, "get secrets")).toBe(false);
    expect(may(control, "watch pods", "slipway")).toBe(true);
    expect(may(control, "create deployments.apps", "slipway")).toBe(false);
  });

  test("a right that is missing, and one too many, are found", () => {
    const withVerbs = (verbs: string[]) =>
      brokenBy(rendered, (object) =>
        object.kind === "Role" && object.metadata.name === "pipeline"
          ? { ...object, rules: [{ apiGroups: ["argoproj.io"], resources: ["workflowtaskresults"], verbs }] }
          : object,
      ).join("\n");
    expect(withVerbs(["create"])).toMatch(/access-missing: .*team-a\/pipeline must patch/);
    expect(withVerbs(["create", "patch", "delete"])).toMatch(/access-unneeded/);
  });
});
