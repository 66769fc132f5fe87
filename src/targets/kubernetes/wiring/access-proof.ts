import type { AccessUse } from "../component.ts";
import { coversResource, grantsFor, grantsOf } from "../rbac/allows.ts";
import type { Grant, Identity } from "../rbac/allows.ts";
import { rbacView } from "../rbac/roles.ts";
import type { RbacView } from "../rbac/roles.ts";
import type { Owned } from "../render/rendered.ts";
import type { Finding } from "./finding.ts";
import { placeOf } from "./network-proof.ts";
import type { World } from "./world.ts";

/** Verbs of RBAC; another one is never asked for. */
const VERBS = new Set(
  "get list watch create update patch delete deletecollection impersonate bind escalate approve sign use attest *".split(
    " ",
  ),
);

/** The roles of every workload suffice for what it states it does, and grant nothing more. */
export function* accessFindings(world: World): Iterable<Finding> {
  const view = rbacView(world.rendered.objects.map(({ object }) => object));
  for (const use of world.rendered.access) yield* missing(view, use);
  yield* unneeded(world, view);
  yield* unknownVerbs(world);
}

function* missing(view: RbacView, use: Owned<AccessUse>): Iterable<Finding> {
  const identity: Identity = { kind: "ServiceAccount", ...use.serviceAccount };
  const places = use.where === "cluster" ? [undefined] : use.where;
  for (const namespace of places)
    for (const verb of use.verbs)
      for (const name of use.names ?? [undefined]) {
        const what = { verb, group: use.group, resource: use.resource, namespace };
        const request = name === undefined || verb === "create" || verb === "list" ? what : { ...what, name };
        if (grantsFor(view, identity, request).length > 0) continue;
        const where = namespace === undefined ? "in the whole cluster" : `in ${namespace}`;
        const object = `${use.resource}${use.group === "" ? "" : `.${use.group}`}${name === undefined ? "" : ` ${name}`}`;
        yield {
          code: "access-missing",
          message: `${accountOf(identity)} must ${verb} ${object} ${where} (${use.why}), and no role lets it`,
          from: placeOf(use.component),
          severity: "error",
        };
      }
}

/** Rights of our own bindings that no stated use asks for. What a chart grants to its own programs is the chart's to say. */
function* unneeded(world: World, view: RbacView): Iterable<Finding> {
  const { access, objects } = world.rendered;
  const own = objects.filter(({ object, chart }) => chart === undefined && object.kind.endsWith("Binding"));
  const accounts = new Map(access.map((use) => [accountKey(use.serviceAccount), use.serviceAccount]));
  for (const account of accounts.values()) {
    const identity = { kind: "ServiceAccount", ...account } as const;
    const uses = access.filter((use) => accountKey(use.serviceAccount) === accountKey(account));
    for (const grant of grantsOf(view, identity)) {
      const { kind, name, namespace } = grant.binding;
      const binding = own.find(
        ({ object }) =>
          object.kind === kind && object.metadata.name === name && object.metadata.namespace === namespace,
      );
      if (binding === undefined) continue;
      for (const right of beyond(grant, uses))
        yield {
          code: "access-unneeded",
          message: `${kind} ${name} lets ${accountOf(identity)} ${right}, and nothing says that it does`,
          from: binding.from,
          severity: "error",
        };
    }
  }
}

/** The single rights of a grant that no use covers, in words. */
function beyond({ rule, binding }: Grant, uses: readonly AccessUse[]): string[] {
  const paths = (rule.nonResourceURLs ?? []).flatMap((path) => rule.verbs.map((verb) => `${verb} ${path}`));
  const where = binding.namespace;
  const rights: string[] = [];
  for (const group of rule.apiGroups ?? [])
    for (const resource of rule.resources ?? [])
      for (const verb of rule.verbs) {
        const isUsed = uses.some(
          (use) =>
            use.group === group &&
            coversResource(use.resource, resource) &&
            (use.verbs.includes(verb) || use.verbs.includes("*")) &&
            (use.where === "cluster"
              ? where === undefined
              : where !== undefined && use.where.includes(where)) &&
            namesFit(rule.resourceNames, use.names),
        );
        if (!isUsed)
          rights.push(
            `${verb} ${resource}${group === "" ? "" : `.${group}`} ${where === undefined ? "everywhere" : `in ${where}`}`,
          );
      }
  return [...rights, ...paths];
}

/** A use of any name needs a right to all; a use of some names needs no more than these. */
function namesFit(granted: readonly string[] = [], used: readonly string[] | undefined): boolean {
  if (used === undefined) return true;
  return granted.length > 0 && granted.every((name) => used.includes(name));
}

/** A verb that isn't one grants nothing, in silence. */
function* unknownVerbs(world: World): Iterable<Finding> {
  for (const { object, from, chart } of world.rendered.objects) {
    if (chart !== undefined || (object.kind !== "Role" && object.kind !== "ClusterRole")) continue;
    const rules = (object["rules"] ?? []) as { verbs?: string[] }[];
    if (rules.some(({ verbs = [] }) => verbs.includes("*")) && !isEverythingUsed(world))
      yield {
        code: "role-verb",
        message: `${object.kind} ${object.metadata.name} lets its subjects do everything, whatever verbs there will be; it needs a list of them`,
        from,
        severity: "error",
      };
    for (const verb of new Set(rules.flatMap(({ verbs = [] }) => verbs)))
      if (!VERBS.has(verb))
        yield {
          code: "role-verb",
          message: `${object.kind} ${object.metadata.name} names the verb ${verb}, which the API server never asks for`,
          from,
          severity: "error",
        };
  }
}

/** A component that does everything with something says so. */
function isEverythingUsed(world: World): boolean {
  return world.rendered.access.some(({ verbs }) => verbs.includes("*"));
}

function accountKey({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

function accountOf(identity: Identity): string {
  return identity.kind === "ServiceAccount" ? `ServiceAccount ${accountKey(identity)}` : identity.name;
}
