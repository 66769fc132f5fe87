import { nearest } from "../../../spec/nearest.ts";
import { formatSelector, selects } from "../label-selector.ts";
import type { Edge, Target } from "./edge.ts";
import { answeredHosts } from "./host-edges.ts";
import type { World } from "./world.ts";

/** What became of a target: it will be there, nobody makes it, or its maker can't be read here. */
export type Outcome =
  | { state: "found" }
  | { state: "missing"; message: string }
  | { state: "unverified"; message: string };

const FOUND: Outcome = { state: "found" };

/** Looks a reference up in the world. The message names what is missing and, where one is near, what may be meant. */
export function resolve(world: World, { target }: Edge): Outcome {
  switch (target.is) {
    case "object":
      return resolveObject(world, target);
    case "key":
      return resolveKey(world, target);
    case "servicePort":
      return resolveServicePort(world, target);
    case "pods":
    case "podPort":
      return resolvePods(world, target);
    case "services":
      return resolveServices(world, target);
    case "definition":
      return resolveDefinition(world, target);
    case "resource":
      return resolveResource(world, target);
    case "bucket":
      return among(`the bucket ${target.name}`, target.name, buckets(world));
    case "metric":
      return resolveMetric(world, target);
    case "grouping":
      return resolveGrouping(world, target);
    case "host":
      return resolveHost(world, target);
    case "oneOf":
      return among(`${target.what} "${target.name}"`, target.name, target.among);
  }
}

type Of<Kind extends Target["is"]> = Extract<Target, { is: Kind }>;

function resolveObject(world: World, { group, kind, namespace, name }: Of<"object">): Outcome {
  const place = namespace === undefined || namespace === "" ? undefined : namespace;
  if (world.find(group, kind, place, name)) return FOUND;
  const { given } = world.rendered;
  if (kind === "Namespace" && world.namespaces.has(name)) return FOUND;
  if (kind === "StorageClass" && given.storageClasses.includes(name)) return FOUND;
  if (kind === "GatewayClass" && given.gatewayClasses.includes(name)) return FOUND;
  if (kind === "ServiceAccount" && world.serviceAccounts.has(`${place ?? ""}/${name}`)) return FOUND;
  if (kind === "Service" && place !== undefined && world.service(place, name)) return FOUND;
  // Two that every cluster has.
  if (kind === "PriorityClass" && /^system-(cluster|node)-critical$/.test(name)) return FOUND;
  if (kind === "ClusterRole" && /^(cluster-admin|admin|edit|view|system:.+)$/.test(name)) return FOUND;
  const names = world
    .ofKind(group, kind)
    .filter(({ object }) => object.metadata.namespace === place)
    .map(({ object }) => object.metadata.name);
  const text = `${kind} ${place === undefined ? "" : `${place}/`}${name}`;
  return missing(world, text, didYouMean(name, names), kind === "Namespace" ? name : place);
}

function resolveKey(world: World, { kind, namespace, name, key }: Of<"key">): Outcome {
  const keys = world.keys(kind, namespace, name);
  const text = `${kind} ${namespace}/${name}`;
  if (keys === undefined)
    return missing(world, text, didYouMean(name, world.holderNames(kind, namespace)), namespace);
  if (key === undefined || keys === "any" || keys.includes(key)) return FOUND;
  return { state: "missing", message: `${text} has no key ${key}${didYouMean(key, keys) || has(keys)}` };
}

function resolveServicePort(world: World, { namespace, name, port }: Of<"servicePort">): Outcome {
  const service = world.service(namespace, name);
  const text = `Service ${namespace}/${name}`;
  if (service === undefined) {
    const names = world.services.filter((one) => one.namespace === namespace).map((one) => one.name);
    return missing(world, text, didYouMean(name, names), namespace);
  }
  const ports = service.ports.flatMap((one) => [one.port, ...(one.name === undefined ? [] : [one.name])]);
  if (port === undefined || ports.includes(port)) return FOUND;
  return { state: "missing", message: `${text} has no port ${port}${has(ports.map(String))}` };
}

function resolvePods(world: World, target: Of<"pods"> | Of<"podPort">): Outcome {
  const { namespace, selector } = target;
  const pods = world.podsBy(namespace, selector);
  if (pods.length === 0) {
    const text = `pod in ${namespace} with ${formatSelector(selector)}`;
    return missing(world, text, "", namespace);
  }
  if (target.is === "pods") return FOUND;
  const ports = pods.flatMap((pod) => pod.ports);
  const { port } = target;
  const isThere = ports.some((one) =>
    typeof port === "number" ? one.containerPort === port : one.name === port,
  );
  if (isThere || (typeof port === "number" && ports.length === 0)) return FOUND;
  const names = ports.flatMap((one) => [
    String(one.containerPort),
    ...(one.name === undefined ? [] : [one.name]),
  ]);
  const text = pods.map((pod) => pod.name).join(", ");
  return { state: "missing", message: `no container of ${namespace}/${text} has port ${port}${has(names)}` };
}

function resolveServices(world: World, { namespaces, selector, port }: Of<"services">): Outcome {
  const services = world.services.filter(
    (one) =>
      (namespaces === "all" || namespaces.includes(one.namespace)) && selects(selector, one.labels ?? {}),
  );
  const where = namespaces === "all" ? "any namespace" : namespaces.join(", ");
  if (services.length === 0)
    return missing(
      world,
      `Service in ${where} with ${formatSelector(selector)}`,
      "",
      namespaces === "all" ? undefined : namespaces[0],
    );
  if (port === undefined) return FOUND;
  const names = services.flatMap(({ ports }) =>
    ports.flatMap((one) => (one.name === undefined ? [] : [one.name])),
  );
  if (names.includes(String(port))) return FOUND;
  const text = services.map(({ namespace, name }) => `${namespace}/${name}`).join(", ");
  return { state: "missing", message: `Service ${text} has no port named ${port}${has(names)}` };
}

function resolveDefinition(world: World, { apiVersion, kind }: Of<"definition">): Outcome {
  const served = world.kinds.filter((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (served.some(({ by }) => by !== "component")) return FOUND;
  const text = `${kind} of ${apiVersion}`;
  if (served.length > 0)
    return {
      state: "unverified",
      message: `the definition of ${text} comes with a chart or a program that isn't read here`,
    };
  const versions = world.kinds.filter((one) => one.kind === kind).map((one) => one.apiVersion);
  const kinds = world.kinds.filter((one) => one.apiVersion === apiVersion).map((one) => one.kind);
  const hint =
    versions.length > 0 ? `: it is served as ${[...new Set(versions)].join(", ")}` : didYouMean(kind, kinds);
  return {
    state: "missing",
    message: `${text} isn't served by Kubernetes 1.${world.minor} or a definition${hint}`,
  };
}

function resolveResource(world: World, { group, resource }: Of<"resource">): Outcome {
  const [name = "", subresource] = resource.split("/");
  const inGroup = world.kinds.filter((one) => one.group === group);
  const found = inGroup.filter((one) => one.resource === name);
  if (found.length > 0) {
    // `finalizers` is no subresource that is served: the check of ownerReferences asks for it by that name.
    const ofKubelets = group === "" && name === "nodes" ? KUBELETS_OWN : [];
    const known = [
      "status",
      "scale",
      "finalizers",
      ...found.flatMap((one) => one.subresources),
      ...ofKubelets,
    ];
    return subresource === undefined ? FOUND : among(`subresource ${resource}`, subresource, known);
  }
  const text = `resource ${resource} of ${group === "" ? "the core group" : group}`;
  return missing(
    world,
    text,
    didYouMean(
      name,
      inGroup.map((one) => one.resource),
    ),
    undefined,
  );
}

/** What a kubelet asks for when it is called itself: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/ */
const KUBELETS_OWN = ["metrics", "stats", "log", "configz", "healthz", "pods"];

function resolveMetric(world: World, { name, label }: Of<"metric">): Outcome {
  const known = world.metrics.get(name);
  if (known === undefined)
    return {
      state: "missing",
      message: `nothing emits the metric ${name}, and it isn't given${didYouMean(name, world.metrics.keys())}`,
    };
  if (label === undefined || known.labels === "any") return FOUND;
  return among(`label "${label}" of the metric ${name}`, label, [...known.labels]);
}

function resolveGrouping(world: World, { label, metrics }: Of<"grouping">): Outcome {
  const known = metrics.map((name) => world.metrics.get(name)?.labels ?? "any");
  // One that is chosen by a pattern, or that nobody emits: the latter has a finding of its own.
  if (known.length === 0 || known.some((labels) => labels === "any" || labels.has(label))) return FOUND;
  const names = known.flatMap((labels) => (labels === "any" ? [] : [...labels]));
  return among(`label "${label}" of the metrics ${metrics.join(", ")}`, label, names);
}

/** A wildcard answers the names one label below it (RFC 6125), and counts as answered when one of those is. */
function resolveHost(world: World, { name, how }: Of<"host">): Outcome {
  const known = answeredHosts(world, how);
  const above = (host: string) => `*.${host.slice(host.indexOf(".") + 1)}`;
  if (known.includes(above(name)) || known.some((host) => above(host) === name)) return FOUND;
  return among(`route of the host name ${name}`, name, known);
}

/** Buckets that are given, and the one of the object store, which its component states. */
function buckets(world: World): string[] {
  const store = world.rendered.platform.components["objectStore"] as { bucket?: unknown } | undefined;
  return [...world.rendered.given.buckets, ...(typeof store?.bucket === "string" ? [store.bucket] : [])];
}

function among(text: string, name: string, names: readonly string[]): Outcome {
  if (names.includes(name)) return FOUND;
  return { state: "missing", message: `there is no ${text}${didYouMean(name, names) || has(names)}` };
}

/** Missing, unless a chart that isn't read may make it in that namespace. */
function missing(world: World, text: string, hint: string, namespace: string | undefined): Outcome {
  const charts = namespace === undefined ? [] : world.unreadCharts(namespace);
  if (charts.length > 0)
    return {
      state: "unverified",
      message: `${text} may come with the chart ${charts.join(", ")}, which isn't read here`,
    };
  return { state: "missing", message: `nothing makes ${text}, and it isn't given${hint}` };
}

function didYouMean(name: string, names: Iterable<string>): string {
  const near = nearest(name, names);
  return near === undefined || near === name ? "" : `; did you mean ${near}?`;
}

function has(names: readonly string[]): string {
  const known = [...new Set(names)];
  if (known.length === 0) return "";
  return `; there is ${known.slice(0, 8).join(", ")}${known.length > 8 ? " and more" : ""}`;
}
