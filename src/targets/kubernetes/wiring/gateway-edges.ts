import { NAMESPACE_NAME_LABEL } from "../network/view.ts";
import { groupOf } from "../object.ts";
import { makesCertificates } from "./derived.ts";
import { edge, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { Field } from "./field.ts";
import { toServicePort } from "./service-edges.ts";
import type { World } from "./world.ts";

const GATEWAY = "gateway.networking.k8s.io";
const ROUTES = new Set(["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"]);

/** Gateway API: routes to gateways, listeners and Services; gateways to classes and certificates. */
export function* gatewayEdges(source: Source, world: World): Iterable<Edge> {
  if (source.group !== GATEWAY) return;
  if (source.kind === "Gateway") yield* ofGateway(source, world);
  if (ROUTES.has(source.kind)) yield* ofRoute(source, world);
}

function* ofGateway(source: Source, world: World): Iterable<Edge> {
  const spec = source.root.at("spec");
  yield* toObject(source, "gateway-class", spec.at("gatewayClassName"), GATEWAY, "GatewayClass", "");
  for (const listener of spec.at("listeners").items)
    for (const reference of listener.at("tls", "certificateRefs").items) {
      const name = reference.at("name");
      const namespace = reference.at("namespace").text ?? source.namespace;
      if (reference.at("kind").text !== undefined && (reference.at("group").text ?? "") === "")
        yield edge(source, "certificate", reference.at("kind"), {
          is: "oneOf",
          what: "kind of certificate",
          name: reference.at("kind").text ?? "",
          among: ["Secret"],
        });
      // cert-manager makes them under whichever name stands here.
      if (name.text === undefined || makesCertificates(source.object.object)) continue;
      yield edge(source, "secret-key", name, {
        is: "key",
        kind: "Secret",
        namespace,
        name: name.text,
        key: "tls.crt",
      });
      yield* grant(source, world, reference, "Secret", namespace);
    }
}

function* ofRoute(source: Source, world: World): Iterable<Edge> {
  const spec = source.root.at("spec");
  for (const parent of spec.at("parentRefs").items) yield* ofParent(source, world, parent);
  for (const rule of spec.at("rules").items) {
    const mirrors = rule.at("filters").items.map((filter) => filter.at("requestMirror", "backendRef"));
    for (const backend of [...rule.at("backendRefs").items, ...mirrors]) {
      if ((backend.at("kind").text ?? "Service") !== "Service") continue;
      const namespace = backend.at("namespace").text ?? source.namespace;
      yield* toServicePort(source, "service-port", backend.at("name"), backend.at("port"), namespace);
      yield* grant(source, world, backend, "Service", namespace);
    }
    for (const filter of rule.at("filters").items) {
      yield* redirect(source, world, filter.at("requestRedirect", "port"));
      const extension = filter.at("extensionRef");
      const group = extension.at("group").text ?? "";
      yield* toObject(source, "gateway", extension.at("name"), group, extension.at("kind").text ?? "");
    }
  }
}

/** A port that callers are sent to is one at which a gateway listens, or the Service in front of it. */
function* redirect(source: Source, world: World, port: Field): Iterable<Edge> {
  const gateways = world.ofKind(GATEWAY, "Gateway");
  const homes = new Set(gateways.map(({ object }) => object.metadata.namespace));
  const fronts = world.ofKind("", "Service").filter(({ object }) => homes.has(object.metadata.namespace));
  const listening = [...gateways, ...fronts].flatMap(({ object }) => {
    const { listeners = [], ports = [] } = (object["spec"] ?? {}) as Record<string, { port: number }[]>;
    return [...listeners, ...ports].map((one) => String(one.port));
  });
  if (port.number === undefined || gateways.length === 0) return;
  yield edge(source, "gateway-listener", port, {
    is: "oneOf",
    what: "listener at the port",
    name: String(port.number),
    among: listening,
  });
}

function* ofParent(source: Source, world: World, parent: Field): Iterable<Edge> {
  if ((parent.at("kind").text ?? "Gateway") !== "Gateway") return;
  const name = parent.at("name");
  const namespace = parent.at("namespace").text ?? source.namespace;
  yield* toObject(source, "gateway", name, GATEWAY, "Gateway", namespace);
  const gateway = world.find(GATEWAY, "Gateway", namespace, name.text ?? "");
  if (gateway === undefined) return;
  const listeners = (
    (gateway.object["spec"] as { listeners?: Listener[] } | undefined)?.listeners ?? []
  ).filter((one) => letsIn(one, source, world, namespace));
  const section = parent.at("sectionName");
  const what = `listener of Gateway ${namespace}/${name.text} for routes of ${source.namespace}`;
  if (section.text !== undefined)
    yield edge(source, "gateway-listener", section, {
      is: "oneOf",
      what,
      name: section.text,
      among: listeners.map((one) => one.name),
    });
  const chosen = listeners.filter((one) => section.text === undefined || one.name === section.text);
  for (const host of source.root.at("spec", "hostnames").items)
    if (host.text !== undefined && !chosen.some((one) => answers(one.hostname, host.text ?? "")))
      yield edge(source, "gateway-listener", host, {
        is: "oneOf",
        what: `host name of a ${what}`,
        name: host.text,
        among: chosen.flatMap((one) => one.hostname ?? []),
      });
    else if (host.text !== undefined)
      yield edge(source, "gateway-listener", host, {
        is: "oneOf",
        what: "host name",
        name: host.text,
        among: [host.text],
      });
}

interface Listener {
  name: string;
  hostname?: string;
  allowedRoutes?: { namespaces?: { from?: string; selector?: { matchLabels?: Record<string, string> } } };
}

/** Whether a listener takes routes of the source's namespace; without a word it takes those of its own. */
function letsIn(listener: Listener, source: Source, world: World, home: string): boolean {
  const { from = "Same", selector } = listener.allowedRoutes?.namespaces ?? {};
  if (from === "All") return true;
  if (from === "Same") return source.namespace === home;
  const own = world.find("", "Namespace", undefined, source.namespace)?.object.metadata.labels ?? {};
  const labels: Record<string, string> = { ...own, [NAMESPACE_NAME_LABEL]: source.namespace };
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

/** `*.example.com` answers one or more labels before the rest (Gateway API, Hostname). */
function answers(listener: string | undefined, host: string): boolean {
  if (listener === undefined || listener === host) return true;
  const suffix = (text: string) => (text.startsWith("*.") ? text.slice(1) : undefined);
  const wide = suffix(listener);
  const wideHost = suffix(host);
  return (
    (wide !== undefined && host.endsWith(wide) && host.length > wide.length) ||
    (wideHost !== undefined && listener.endsWith(wideHost))
  );
}

/** A reference into another namespace needs a ReferenceGrant there. */
function* grant(
  source: Source,
  world: World,
  reference: Field,
  kind: string,
  namespace: string,
): Iterable<Edge> {
  if (namespace === source.namespace) return;
  const name = reference.at("name").text ?? "";
  const isGranted = world.ofKind(GATEWAY, "ReferenceGrant").some(({ object }) => {
    const spec = object["spec"] as { from?: GrantFrom[]; to?: GrantTo[] } | undefined;
    return (
      object.metadata.namespace === namespace &&
      groupOf(object.apiVersion) === GATEWAY &&
      (spec?.from ?? []).some(
        (one) => one.group === GATEWAY && one.kind === source.kind && one.namespace === source.namespace,
      ) &&
      (spec?.to ?? []).some(
        (one) => one.kind === kind && (one.group ?? "") === "" && (one.name ?? name) === name,
      )
    );
  });
  yield edge(source, "reference-grant", reference.at("namespace"), {
    is: "oneOf",
    what: `ReferenceGrant in ${namespace} that lets ${source.kind}s of ${source.namespace} name its ${kind}`,
    name,
    among: isGranted ? [name] : [],
  });
}

interface GrantFrom {
  group: string;
  kind: string;
  namespace: string;
}

interface GrantTo {
  group?: string;
  kind: string;
  name?: string;
}
