import type { Binding, BindingSubject, RbacView, Rule } from "./roles.ts";

/** Who asks. Groups that the API server adds by itself need not be named. */
export type Identity =
  | { kind: "ServiceAccount"; namespace: string; name: string }
  | { kind: "User"; name: string; groups?: readonly string[] }
  | { kind: "Group"; name: string };

/** What is asked, as the API server's authorizer sees it. */
export type AccessRequest =
  | {
      verb: string;
      group: string;
      /** Plural, with its subresource: `pods/log`. */
      resource: string;
      /** Undefined: of the whole cluster. */
      namespace: string | undefined;
      /** Undefined: not of one object, as in list, watch, create and deletecollection. */
      name?: string;
    }
  | { verb: string; path: string };

/** What lets a request through. */
export interface Grant {
  binding: Binding;
  rule: Rule;
}

/** The grants by which an identity may do what it asks; none: it may not. */
export function grantsFor(view: RbacView, identity: Identity, request: AccessRequest): Grant[] {
  return grantsOf(view, identity).filter(({ binding, rule }) => {
    if ("path" in request) return binding.namespace === undefined && allowsPath(rule, request);
    if (binding.namespace !== undefined && binding.namespace !== request.namespace) return false;
    return allowsResource(rule, request);
  });
}

/** Everything that is granted to an identity. */
export function grantsOf(view: RbacView, identity: Identity): Grant[] {
  return view.bindings
    .filter(({ subjects, namespace }) => subjects.some((one) => isMeant(one, identity, namespace)))
    .flatMap((binding) => (view.rules(binding.role) ?? []).map((rule) => ({ binding, rule })));
}

/** As RuleAllows of the RBAC authorizer (pkg/apis/rbac/v1/evaluation_helpers.go in Kubernetes). */
function allowsResource(rule: Rule, request: Extract<AccessRequest, { resource: string }>): boolean {
  const { verb, group, resource, name } = request;
  const names = rule.resourceNames ?? [];
  return (
    has(rule.verbs, verb) &&
    has(rule.apiGroups, group) &&
    (rule.resources ?? []).some((own) => coversResource(own, resource)) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

/** `*` covers subresources too, `pods` doesn't cover `pods/log`, and `pods/*` covers nothing: only `*` before the slash is a wildcard. */
export function coversResource(own: string, asked: string): boolean {
  if (own === "*" || own === asked) return true;
  const slash = asked.indexOf("/");
  return slash !== -1 && own === `*/${asked.slice(slash + 1)}`;
}

function allowsPath(rule: Rule, { verb, path }: Extract<AccessRequest, { path: string }>): boolean {
  const matches = (own: string) =>
    own === "*" || own === path || (own.endsWith("*") && path.startsWith(own.replace(/\*+$/, "")));
  return has(rule.verbs, verb) && (rule.nonResourceURLs ?? []).some(matches);
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes("*") || list.includes(value));
}

function isMeant(subject: BindingSubject, identity: Identity, bindingNamespace: string | undefined): boolean {
  if (identity.kind === "Group") return subject.kind === "Group" && subject.name === identity.name;
  if (subject.kind === "Group") return groupsOf(identity).includes(subject.name);
  if (subject.kind === "User") return subject.name === userName(identity);
  return (
    subject.kind === "ServiceAccount" &&
    identity.kind === "ServiceAccount" &&
    subject.name === identity.name &&
    (subject.namespace ?? bindingNamespace) === identity.namespace
  );
}

type Someone = Exclude<Identity, { kind: "Group" }>;

function userName(identity: Someone): string {
  return identity.kind === "User"
    ? identity.name
    : `system:serviceaccount:${identity.namespace}:${identity.name}`;
}

/** With those that authentication adds. */
function groupsOf(identity: Someone): readonly string[] {
  if (identity.kind === "User") return [...(identity.groups ?? []), "system:authenticated"];
  return ["system:serviceaccounts", `system:serviceaccounts:${identity.namespace}`, "system:authenticated"];
}
