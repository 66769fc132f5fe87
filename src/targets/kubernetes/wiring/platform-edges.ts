import { podTemplate } from "../pod-template.ts";
import { edge, toKey, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import { Field } from "./field.ts";
import { toServicePort } from "./service-edges.ts";
import type { World } from "./world.ts";

const ISSUERS = "cert-manager.io";

/** cert-manager: who issues, and the Secrets that issuers read. */
export function* certificateEdges(source: Source): Iterable<Edge> {
  const { root } = source;
  for (const [kind, key] of [
    ["Issuer", "cert-manager.io/issuer"],
    ["ClusterIssuer", "cert-manager.io/cluster-issuer"],
  ] as const)
    yield* toObject(
      source,
      "certificate-issuer",
      root.at("metadata", "annotations", key),
      ISSUERS,
      kind,
      kind === "Issuer" ? source.namespace : "",
    );
  const injected = root.at("metadata", "annotations", "cert-manager.io/inject-ca-from");
  const [namespace = "", name] = injected.text?.split("/") ?? [];
  if (name !== undefined)
    yield edge(source, "certificate", injected, {
      is: "object",
      group: ISSUERS,
      kind: "Certificate",
      namespace,
      name,
    });
  if (source.group !== ISSUERS) return;
  if (source.kind === "Certificate") {
    const issuer = root.at("spec", "issuerRef");
    if ((issuer.at("group").text ?? ISSUERS) === ISSUERS) {
      const kind = issuer.at("kind").text ?? "Issuer";
      yield* toObject(
        source,
        "certificate-issuer",
        issuer.at("name"),
        ISSUERS,
        kind,
        kind === "Issuer" ? source.namespace : "",
      );
    }
    for (const store of ["jks", "pkcs12"])
      yield* toKey(source, "Secret", root.at("spec", "keystores", store, "passwordSecretRef"));
  }
  if (source.kind === "Issuer" || source.kind === "ClusterIssuer") yield* ofIssuer(source);
}

/** A ClusterIssuer reads its Secrets in cert-manager's own namespace. */
function* ofIssuer(source: Source): Iterable<Edge> {
  const namespace = source.kind === "ClusterIssuer" ? "cert-manager" : source.namespace;
  const authority = source.root.at("spec", "ca", "secretName");
  if (authority.text !== undefined)
    for (const key of ["tls.crt", "tls.key"])
      yield edge(source, "secret-key", authority, {
        is: "key",
        kind: "Secret",
        namespace,
        name: authority.text,
        key,
      });
  for (const solver of source.root.at("spec", "acme", "solvers").items)
    for (const reference of secretReferences(solver)) yield* toKey(source, "Secret", reference, namespace);
}

/** Every `…SecretRef` below a field. */
function* secretReferences(root: Field): Iterable<Field> {
  for (const [key, value] of root.entries)
    if (key.endsWith("SecretRef")) yield value;
    else yield* secretReferences(value);
}

/** Autoscalers: what they scale, and that what they measure is asked for. */
export function* autoscalerEdges(source: Source, world: World): Iterable<Edge> {
  const isScaler = source.kind === "HorizontalPodAutoscaler" && source.group === "autoscaling";
  if (!isScaler && !(source.kind === "ScaledObject" && source.group === "keda.sh")) return;
  const target = source.root.at("spec", "scaleTargetRef");
  const version = target.at("apiVersion").text ?? (isScaler ? "v1" : "apps/v1");
  const group = version.includes("/") ? (version.split("/")[0] ?? "") : "";
  yield* measured(source, world, group, target);
  if (target.at("apiVersion").text !== undefined)
    yield edge(source, "definition", target.at("apiVersion"), {
      is: "definition",
      apiVersion: version,
      kind: target.at("kind").text ?? "Deployment",
    });
  yield* toObject(
    source,
    "autoscaler-target",
    target.at("name"),
    group,
    target.at("kind").text ?? "Deployment",
  );
}

/** A utilisation is a share of what is asked for: a container that asks for nothing makes the autoscaler stand still. */
function* measured(source: Source, world: World, group: string, target: Field): Iterable<Edge> {
  const kind = target.at("kind").text ?? "Deployment";
  const found = world.find(group, kind, source.namespace, target.at("name").text ?? "");
  const template = found === undefined ? undefined : podTemplate(found.object);
  if (template === undefined) return;
  const containers = new Field(template.spec).at("containers").items;
  const asked = containers.map(({ value }) => new Field(value).at("resources"));
  for (const metric of source.root.at("spec", "metrics").items) {
    const name = metric.at("resource", "name");
    if (name.text === undefined || metric.at("resource", "target", "type").text !== "Utilization") continue;
    const resource = name.text;
    const isAsked = asked.every(
      (one) => one.at("requests", resource).exists || one.at("limits", resource).exists,
    );
    yield edge(source, "autoscaler-request", name, {
      is: "oneOf",
      what: `request of every container of ${kind} ${target.at("name").text} for`,
      name: resource,
      among: isAsked ? [resource] : [],
    });
  }
}

/** Webhooks, conversions and API services: the Service that answers, and what policies are bound to. */
export function* admissionEdges(source: Source): Iterable<Edge> {
  const { root, kind } = source;
  if (kind === "ValidatingWebhookConfiguration" || kind === "MutatingWebhookConfiguration")
    for (const webhook of root.at("webhooks").items)
      yield* calledService(source, "webhook-service", webhook.at("clientConfig", "service"));
  if (kind === "CustomResourceDefinition")
    yield* calledService(
      source,
      "webhook-service",
      root.at("spec", "conversion", "webhook", "clientConfig", "service"),
    );
  if (kind === "APIService") yield* calledService(source, "api-service", root.at("spec", "service"));
  for (const policy of ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"])
    if (kind === `${policy}Binding`)
      yield* toObject(source, "admission-policy", root.at("spec", "policyName"), source.group, policy, "");
}

function* calledService(
  source: Source,
  code: "webhook-service" | "api-service",
  service: Field,
): Iterable<Edge> {
  const port = service.at("port").exists ? service.at("port") : new Field(443, service.at("port").path);
  yield* toServicePort(source, code, service.at("name"), port, service.at("namespace").text ?? "");
}

/** Roles that are bound, whom they are bound to, and that the resources they name are served. */
export function* roleEdges(source: Source): Iterable<Edge> {
  if (source.group !== "rbac.authorization.k8s.io") return;
  const { root } = source;
  if (source.kind.endsWith("Binding")) {
    const kind = root.at("roleRef", "kind").text ?? "ClusterRole";
    const namespace = kind === "Role" ? source.namespace : "";
    yield* toObject(source, "role", root.at("roleRef", "name"), source.group, kind, namespace);
    for (const subject of root.at("subjects").items) {
      yield edge(source, "role-subject", subject.at("kind"), {
        is: "oneOf",
        what: "kind of subject",
        name: subject.at("kind").text ?? "",
        among: ["ServiceAccount", "User", "Group"],
      });
      if (subject.at("kind").text === "ServiceAccount")
        yield* toObject(
          source,
          "role-subject",
          subject.at("name"),
          "",
          "ServiceAccount",
          subject.at("namespace").text ?? source.namespace,
        );
    }
    return;
  }
  // A chart's roles name resources of clusters and programs that needn't be here.
  if (source.object.chart !== undefined) return;
  for (const rule of root.at("rules").items)
    for (const group of rule.at("apiGroups").items)
      for (const resource of rule.at("resources").items)
        if (
          typeof group.value === "string" &&
          group.value !== "*" &&
          resource.text !== undefined &&
          !resource.text.includes("*")
        )
          yield edge(source, "role-resource", resource, {
            is: "resource",
            group: group.value,
            resource: resource.text,
          });
}
