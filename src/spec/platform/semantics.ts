import { describeValue, valueAt } from "../issue.ts";
import type { Issue, Path } from "../issue.ts";
import type { ComponentSpec } from "./component-spec.ts";

/** Namespaces that belong to the cluster (`kube-` is Kubernetes' own prefix), and names that tracking can't have. */
const RESERVED = new Set(["default", "workspaces", "api", "ajax-api", "static-files"]);

/**
 * What relates several keys to each other. Looks at the file's plain data before the schema has accepted it, so that
 * these problems come together with all others; whatever has the wrong type is the schema's business.
 */
export function platformIssues(data: unknown, specs: readonly ComponentSpec[]): Issue[] {
  return [...componentIssues(data, specs), ...tenantIssues(data), ...serviceIssues(data)];
}

function componentIssues(data: unknown, specs: readonly ComponentSpec[]): Issue[] {
  const components = valueAt(data, ["components"]);
  if (typeof components !== "object" || components === null) return [];
  const named = specs.filter(({ name }) => Object.hasOwn(components, name));
  const present = new Set(named.map(({ name }) => name));
  const issues: Issue[] = [];
  for (const { name, requires = [], excludes = [] } of named) {
    const path = ["components", name];
    for (const choice of requires)
      if (!choice.some((other) => present.has(other)))
        issues.push({
          path,
          at: "key",
          rule: "requires",
          message: `${name} needs ${choice.join(" or ")}`,
          given: `components without ${choice.length > 1 ? "any of them" : "it"}`,
          allowed: `${choice.map((other) => `components.${other}`).join(" or ")} beside it, or no ${name}`,
        });
    for (const other of excludes)
      // Said once for two that name each other: at the one that comes later in the list of components.
      if (present.has(other) && !isSaidByOther(name, other, specs))
        issues.push({
          path,
          at: "key",
          rule: "excludes",
          message: `${name} and ${other} exclude each other: both would rule the same objects`,
          allowed: `one of them; take ${name} or ${other} away`,
        });
  }
  return issues;
}

function isSaidByOther(name: string, other: string, specs: readonly ComponentSpec[]): boolean {
  const index = (wanted: string) => specs.findIndex((spec) => spec.name === wanted);
  const excludesBack = specs[index(other)]?.excludes?.includes(name) === true;
  return excludesBack && index(other) > index(name);
}

function listAt(data: unknown, path: Path): unknown[] {
  const list = valueAt(data, path);
  return Array.isArray(list) ? list : [];
}

function tenantIssues(data: unknown): Issue[] {
  const own = valueAt(data, ["namespace"]) ?? "slipway";
  const given = listAt(data, ["given", "namespaces"]);
  const seen = new Set<unknown>();
  return listAt(data, ["tenants"]).flatMap((tenant, index) => {
    const name = valueAt(tenant, ["name"]);
    if (typeof name !== "string") return [];
    const collide = (message: string, rule = "tenant-collides"): Issue[] => [
      {
        path: ["tenants", index, "name"],
        at: "value",
        rule,
        message,
        given: describeValue(name),
        allowed: "a name of its own: a tenant's name is its namespace",
      },
    ];
    if (seen.has(name)) return collide(`there are two tenants named ${describeValue(name)}`);
    seen.add(name);
    if (name === own) return collide(`the tenant ${describeValue(name)} has the platform's own namespace`);
    if (name === `${String(own)}-default`)
      return collide(`the tenant ${describeValue(name)} has the namespace of the default tenant's workloads`);
    if (given.includes(name))
      return collide(`the namespace ${describeValue(name)} is given: it exists and isn't ours`);
    if (/^[a-z]$/.test(name))
      return collide("a tenant's name of one letter isn't taken by tracking", "reserved-name");
    if (RESERVED.has(name) || name.startsWith("kube-"))
      return collide(`${describeValue(name)} is taken by the cluster or by tracking`, "reserved-name");
    return [];
  });
}

function serviceIssues(data: unknown): Issue[] {
  const hasKserve = valueAt(data, ["components", "kserve"]) !== undefined;
  return listAt(data, ["tenants"]).flatMap((tenant, index) => {
    const seen = new Set<unknown>();
    return listAt(tenant, ["services"]).flatMap((service, position) => {
      const path = ["tenants", index, "services", position] as const;
      const issues: Issue[] = [];
      const name = valueAt(service, ["name"]);
      if (typeof name === "string" && seen.has(name))
        issues.push({
          path: [...path, "name"],
          at: "value",
          rule: "duplicate-service",
          message: `there are two services named ${describeValue(name)}`,
          given: describeValue(name),
          allowed: "a name of its own for each service of a tenant",
        });
      seen.add(name);
      const runtime = valueAt(service, ["runtime"]);
      const usesKserve =
        runtime === "kserve" || (runtime === undefined && valueAt(service, ["model"]) !== undefined);
      if (usesKserve && !hasKserve)
        issues.push({
          path: [...path, runtime === undefined ? "model" : "runtime"],
          at: "key",
          rule: "requires",
          message: "this service needs kserve",
          allowed: "components.kserve, or an image with runtime: deployment",
        });
      return issues;
    });
  });
}
