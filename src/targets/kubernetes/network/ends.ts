import { SlipwayError } from "../../../http/errors.ts";
import { nearest } from "../../../spec/nearest.ts";
import type { Labels } from "../label-selector.ts";
import { selects } from "../label-selector.ts";
import type { KubernetesObject } from "../object.ts";
import type { Pod } from "../pod-template.ts";
import { addressesOf } from "./addresses.ts";
import type { NetworkView, Party } from "./view.ts";

/** What names of ends are looked up in. */
export interface NamedEnds {
  view: NetworkView;
  objects: readonly KubernetesObject[];
  /** Addresses of the API server; undefined: not stated, so that they may be any. */
  apiServer: string | undefined;
  dns: { namespace: string; labels: Labels };
}

/** A target without its port, and the port: `team-a/iris:8080/udp`, `[fd00::1]:80`. */
export interface AskedEnd {
  name: string;
  port: number | string | undefined;
  protocol: "TCP" | "UDP" | undefined;
}

const FORMS =
  "namespace/name of a workload or a Service, namespace/label=value, a namespace, an address or a range, internet, dns or api-server";
const HINT = `Name ${FORMS}.`;

/** Takes the port off an end's name. */
export function readEnd(text: string): AskedEnd {
  const [, bracketed, plain, port, protocol] =
    /^(?:\[([^\]]+)\]|(.*?))(?::([\w-]+)(?:\/(tcp|udp))?)?$/i.exec(isIpv6(text) ? `[${text}]` : text) ?? [];
  const number = port !== undefined && /^\d+$/.test(port) ? Number(port) : port;
  return {
    name: bracketed ?? plain ?? "",
    port: number,
    protocol: protocol?.toUpperCase() as AskedEnd["protocol"],
  };
}

/** Who a name stands for. NOT_FOUND when nothing of that name is rendered. */
export function partiesNamed(ends: NamedEnds, name: string): Party[] {
  const special = specialEnd(ends, name);
  if (special !== undefined) return [special];
  // A label's own name may hold a slash, as app.kubernetes.io/name does.
  const [namespace = "", ...parts] = name.split("/");
  const rest = parts.join("/");
  if (!ends.view.namespaces.has(namespace))
    throw unknown(`no namespace ${namespace} is rendered`, namespace, ends.view.namespaces.keys());
  if (rest === "") return [party(pod(namespace, "", {}))];
  if (rest.includes("=")) return byLabels(ends.view, namespace, rest).map(party);
  const pods = podsNamed(ends, namespace, rest);
  if (pods.length > 0) return pods.map(party);
  const names = ends.view.pods.filter((one) => one.namespace === namespace).map((one) => one.name);
  throw unknown(`${namespace} has no workload or Service ${rest}`, rest, new Set(names));
}

/** The pods of a workload, else those behind a Service, else those of which a controller's names begin so. */
function podsNamed({ view, objects }: NamedEnds, namespace: string, name: string): Pod[] {
  const own = view.pods.filter((one) => one.namespace === namespace && one.name === name);
  if (own.length > 0) return own;
  const selector = serviceSpec(objects, namespace, name)?.selector;
  if (selector === undefined)
    return view.pods.filter((one) => one.namespace === namespace && one.name.startsWith(`${name}-`));
  return view.pods.filter(
    (one) => one.namespace === namespace && selects({ matchLabels: selector }, one.labels),
  );
}

interface ServiceSpec {
  selector?: Record<string, string>;
  ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
}

export function serviceSpec(
  objects: readonly KubernetesObject[],
  namespace: string,
  name: string,
): ServiceSpec | undefined {
  const service = objects.find(
    ({ apiVersion, kind, metadata }) =>
      apiVersion === "v1" && kind === "Service" && metadata.name === name && metadata.namespace === namespace,
  );
  return service?.["spec"] as ServiceSpec | undefined;
}

function specialEnd({ apiServer, dns }: NamedEnds, name: string): Party | undefined {
  if (name === "internet") return addresses("0.0.0.0/0", "the internet");
  if (name === "api-server") return addresses(apiServer ?? "0.0.0.0/0", "the API server");
  if (name === "dns") {
    const ports = [
      { name: "dns", containerPort: 53, protocol: "UDP" },
      { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
    ];
    return party({ ...pod(dns.namespace, "dns", dns.labels), ports });
  }
  try {
    return addresses(name, name);
  } catch {
    return undefined;
  }
}

/** Pods that are rendered and have the labels; one that has just these when there is none. */
function byLabels(view: NetworkView, namespace: string, text: string): Pod[] {
  const labels = Object.fromEntries(text.split(",").map((one) => one.split("=", 2) as [string, string]));
  const found = view.pods.filter(
    (one) => one.namespace === namespace && selects({ matchLabels: labels }, one.labels),
  );
  return found.length > 0 ? found : [pod(namespace, text, labels)];
}

function pod(namespace: string, name: string, labels: Labels): Pod {
  return { namespace, name, labels, ports: [], hostNetwork: false };
}

function party(pod: Pod): Party {
  return { kind: "pod", pod };
}

function addresses(cidr: string, text: string): Party {
  return { kind: "addresses", addresses: addressesOf(cidr), text };
}

function isIpv6(text: string): boolean {
  return text.split(":").length > 2 && !text.startsWith("[");
}

function unknown(message: string, given: string, names: Iterable<string>): SlipwayError {
  const near = nearest(given, names);
  return new SlipwayError("NOT_FOUND", `${message}${near === undefined ? "" : `; did you mean ${near}?`}`, {
    given,
    hint: HINT,
  });
}
