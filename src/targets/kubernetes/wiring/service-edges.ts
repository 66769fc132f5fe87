import type { LabelSelector } from "../label-selector.ts";
import { MANAGED_BY, MANAGER } from "../serving/names.ts";
import { makesCertificates } from "./derived.ts";
import { edge, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { Field } from "./field.ts";

/** Services, Ingresses, disruption budgets and network policies: who is behind them. */
export function* serviceEdges(source: Source): Iterable<Edge> {
  const key = `${source.kind}.${source.group}`;
  if (key === "Service.") yield* ofService(source);
  if (key === "Ingress.networking.k8s.io") yield* ofIngress(source);
  if (key === "PodDisruptionBudget.policy")
    yield* selectedPods(source, "disruption-budget", source.root.at("spec", "selector"));
  if (key === "NetworkPolicy.networking.k8s.io") yield* ofPolicy(source);
}

/** Pods that a LabelSelector must select. An empty one selects whatever there is. */
export function* selectedPods(
  source: Source,
  code: "disruption-budget" | "network-policy-pods" | "monitor-selector",
  field: Field,
  namespace = source.namespace,
): Iterable<Edge> {
  const selector = field.as<LabelSelector>();
  if (selector === undefined || isEmpty(selector)) return;
  // Pods of models are made by control, as they are needed.
  if (selector.matchLabels?.[MANAGED_BY] === MANAGER) return;
  yield* perLabel(field.at("matchLabels"), (at) =>
    edge(source, code, at, { is: "pods", namespace, selector }),
  );
  if ((selector.matchExpressions ?? []).length > 0)
    yield edge(source, code, field.at("matchExpressions"), { is: "pods", namespace, selector });
}

export function isEmpty(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
}

/** One edge for each label of a selector: each of them alone can break it. */
export function* perLabel(labels: Field, make: (at: Field) => Edge): Iterable<Edge> {
  for (const [, value] of labels.entries) yield make(value);
}

function* ofService(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  const labels = spec.at("selector");
  if (labels.entries.length === 0 || spec.at("type").text === "ExternalName") return;
  const selector: LabelSelector = { matchLabels: labels.as<Record<string, string>>() ?? {} };
  const { namespace } = source;
  yield* perLabel(labels, (at) => edge(source, "service-selector", at, { is: "pods", namespace, selector }));
  for (const port of spec.at("ports").items) {
    const target = port.at("targetPort").exists ? port.at("targetPort") : port.at("port");
    if (target.port !== undefined)
      yield edge(source, "container-port", target, { is: "podPort", namespace, selector, port: target.port });
  }
}

function* ofIngress(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  yield* toObject(
    source,
    "gateway-class",
    spec.at("ingressClassName"),
    "networking.k8s.io",
    "IngressClass",
    "",
  );
  const backends = [
    spec.at("defaultBackend"),
    ...spec
      .at("rules")
      .items.flatMap((rule) => rule.at("http", "paths").items.map((path) => path.at("backend"))),
  ];
  for (const backend of backends) {
    const name = backend.at("service", "name");
    const number = backend.at("service", "port", "number");
    const port = number.exists ? number : backend.at("service", "port", "name");
    yield* toServicePort(source, "service-port", name, port);
  }
  if (makesCertificates(source.object.object)) return;
  for (const tls of spec.at("tls").items) {
    const name = tls.at("secretName");
    if (name.text !== undefined)
      yield edge(source, "secret-key", name, {
        is: "key",
        kind: "Secret",
        namespace: source.namespace,
        name: name.text,
        key: "tls.crt",
      });
  }
}

/** A Service by name, and a port of it. */
export function* toServicePort(
  source: Source,
  code: "service-port" | "webhook-service" | "api-service",
  name: Field,
  port: Field,
  namespace = source.namespace,
): Iterable<Edge> {
  if (name.text === undefined) return;
  yield edge(source, code, name, { is: "servicePort", namespace, name: name.text, port: undefined });
  if (port.port !== undefined)
    yield edge(source, code, port, { is: "servicePort", namespace, name: name.text, port: port.port });
}

function* ofPolicy(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  yield* selectedPods(source, "network-policy-pods", spec.at("podSelector"));
  const selector = spec.at("podSelector").as<LabelSelector>() ?? {};
  for (const rule of spec.at("ingress").items)
    for (const { port } of rule.at("ports").items.map((one) => ({ port: one.at("port") })))
      if (port.text !== undefined)
        yield edge(source, "network-policy-port", port, {
          is: "podPort",
          namespace: source.namespace,
          selector,
          port: port.text,
        });
}
