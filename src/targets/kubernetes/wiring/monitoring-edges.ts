import { selects } from "../label-selector.ts";
import type { LabelSelector } from "../label-selector.ts";
import { NAMESPACE_NAME_LABEL } from "../network/view.ts";
import { edge, toKey, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { RenderedObject } from "../render/rendered.ts";
import { Field } from "./field.ts";
import { isEmpty, perLabel } from "./service-edges.ts";
import type { World } from "./world.ts";

const GROUP = "monitoring.coreos.com";

/** Which field of a Prometheus or an Alertmanager picks up which kind; the other one selects the namespaces. */
const PICKED_UP = {
  ServiceMonitor: ["serviceMonitorSelector", "serviceMonitorNamespaceSelector"],
  PodMonitor: ["podMonitorSelector", "podMonitorNamespaceSelector"],
  PrometheusRule: ["ruleSelector", "ruleNamespaceSelector"],
  Probe: ["probeSelector", "probeNamespaceSelector"],
  AlertmanagerConfig: ["alertmanagerConfigSelector", "alertmanagerConfigNamespaceSelector"],
} as const;

/** The Prometheus operator's kinds: whom monitors watch, who picks them up, where alerts go. */
export function* monitoringEdges(source: Source, world: World): Iterable<Edge> {
  if (source.group !== GROUP) return;
  const spec = source.root.at("spec");
  switch (source.kind) {
    case "ServiceMonitor":
      yield* ofServiceMonitor(source, spec);
      break;
    case "PodMonitor":
      yield* ofPodMonitor(source, spec);
      break;
    case "Prometheus":
    case "Alertmanager":
      yield* toObject(source, "service-account", spec.at("serviceAccountName"), "", "ServiceAccount");
      yield* toObject(
        source,
        "storage-class",
        spec.at("storage", "volumeClaimTemplate", "spec", "storageClassName"),
        "storage.k8s.io",
        "StorageClass",
        "",
      );
      for (const manager of spec.at("alerting", "alertmanagers").items) yield* toManager(source, manager);
      yield* toObject(
        source,
        "receiver",
        spec.at("alertmanagerConfiguration", "name"),
        GROUP,
        "AlertmanagerConfig",
      );
      yield* mailServer(source, spec.at("alertmanagerConfiguration", "global", "smtp"));
      break;
    case "AlertmanagerConfig":
      yield* ofReceivers(source, spec);
      break;
  }
  yield* pickedUp(source, world);
}

function* ofServiceMonitor(source: Source, spec: Field): Iterable<Edge> {
  const selector = spec.at("selector").as<LabelSelector>() ?? {};
  const namespaces = watched(source, spec);
  const labels = spec.at("selector", "matchLabels");
  yield* perLabel(labels, (at) =>
    edge(source, "monitor-selector", at, { is: "services", namespaces, selector, port: undefined }),
  );
  for (const endpoint of spec.at("endpoints").items) {
    const port = endpoint.at("port");
    if (port.text !== undefined)
      yield edge(source, "service-port", port, { is: "services", namespaces, selector, port: port.text });
    yield* credentials(source, endpoint);
  }
}

function* ofPodMonitor(source: Source, spec: Field): Iterable<Edge> {
  const selector = spec.at("selector").as<LabelSelector>() ?? {};
  const namespaces = watched(source, spec);
  // One that watches every namespace finds what there is.
  if (namespaces === "all") return;
  for (const namespace of namespaces) {
    if (!isEmpty(selector))
      yield* perLabel(spec.at("selector", "matchLabels"), (at) =>
        edge(source, "monitor-selector", at, { is: "pods", namespace, selector }),
      );
    for (const endpoint of spec.at("podMetricsEndpoints").items) {
      const port = endpoint.at("port");
      if (port.text !== undefined)
        yield edge(source, "container-port", port, { is: "podPort", namespace, selector, port: port.text });
    }
  }
  for (const endpoint of spec.at("podMetricsEndpoints").items) yield* credentials(source, endpoint);
}

function* credentials(source: Source, endpoint: Field): Iterable<Edge> {
  yield* toKey(source, "Secret", endpoint.at("bearerTokenSecret"));
  yield* toKey(source, "Secret", endpoint.at("authorization", "credentials"));
  yield* toKey(source, "Secret", endpoint.at("basicAuth", "password"));
  yield* toKey(source, "Secret", endpoint.at("basicAuth", "username"));
  yield* toKey(source, "Secret", endpoint.at("tlsConfig", "ca", "secret"));
}

export function watched(source: Pick<Source, "namespace">, spec: Field): readonly string[] | "all" {
  if (spec.at("namespaceSelector", "any").value === true) return "all";
  const names = spec.at("namespaceSelector", "matchNames").texts;
  return names.length > 0 ? names : [source.namespace];
}

function* mailServer(source: Source, smtp: Field): Iterable<Edge> {
  yield* toKey(source, "Secret", smtp.at("authPassword"));
  yield* toKey(source, "Secret", smtp.at("authSecret"));
}

function* toManager(source: Source, manager: Field): Iterable<Edge> {
  const name = manager.at("name");
  const namespace = manager.at("namespace").text ?? source.namespace;
  if (name.text === undefined) return;
  const target = { is: "servicePort", namespace, name: name.text } as const;
  yield edge(source, "service-port", name, { ...target, port: undefined });
  const port = manager.at("port");
  if (port.port !== undefined) yield edge(source, "service-port", port, { ...target, port: port.port });
}

/** A monitor or a rule that no Prometheus picks up is never read; nor are receivers without an Alertmanager. */
function* pickedUp(source: Source, world: World): Iterable<Edge> {
  if (!(source.kind in PICKED_UP)) return;
  const [field, place] = PICKED_UP[source.kind as keyof typeof PICKED_UP];
  const reader = source.kind === "AlertmanagerConfig" ? "Alertmanager" : "Prometheus";
  const servers = world.ofKind(GROUP, reader);
  if (servers.length === 0 || isRoot(source, servers)) return;
  const namespace = world.find("", "Namespace", undefined, source.namespace)?.object.metadata.labels ?? {};
  const labels = source.object.object.metadata.labels ?? {};
  const picks = servers.some(({ object }) => {
    const spec = (object["spec"] ?? {}) as Record<string, LabelSelector | undefined>;
    const where = spec[place];
    const isHere =
      where === undefined
        ? object.metadata.namespace === source.namespace
        : selects(where, { ...namespace, [NAMESPACE_NAME_LABEL]: source.namespace });
    // An absent selector picks up nothing, an empty one everything.
    return isHere && spec[field] !== undefined && selects(spec[field], labels);
  });
  const { name } = source.object.object.metadata;
  const claims = source.root.at("metadata", "labels").entries.map(([, value]) => value);
  for (const at of claims.length > 0 ? claims : [source.root.at("metadata", "name")])
    yield edge(source, "picked-up", at, {
      is: "oneOf",
      what: `${reader} whose ${field} picks up the ${source.kind}`,
      name,
      among: picks ? [name] : [],
    });
}

/** The one that an Alertmanager names is its root, whatever its labels. */
function isRoot({ namespace, object }: Source, servers: readonly RenderedObject[]): boolean {
  return servers.some(
    (server) =>
      server.object.metadata.namespace === namespace &&
      new Field(server.object).at("spec", "alertmanagerConfiguration", "name").text ===
        object.object.metadata.name &&
      object.object.kind === "AlertmanagerConfig",
  );
}

function* ofReceivers(source: Source, spec: Field): Iterable<Edge> {
  const names = spec.at("receivers").items.flatMap((one) => one.at("name").text ?? []);
  yield* routes(source, spec.at("route"), names);
  for (const receiver of spec.at("receivers").items)
    for (const [, configs] of receiver.entries)
      for (const config of configs.items)
        for (const [, value] of config.entries)
          if (value.at("key").text !== undefined && value.at("name").text !== undefined)
            yield* toKey(source, "Secret", value);
}

function* routes(source: Source, route: Field, among: readonly string[]): Iterable<Edge> {
  const receiver = route.at("receiver");
  if (receiver.text !== undefined)
    yield edge(source, "receiver", receiver, { is: "oneOf", what: "receiver", name: receiver.text, among });
  for (const child of route.at("routes").items) yield* routes(source, child, among);
}
