import type { LabelSelector } from "../label-selector.ts";
import { edge, toKey, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { Field } from "./field.ts";
import { perLabel } from "./service-edges.ts";

const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"] as const;

/**
 * Edges out of a PodSpec, or of what is one in part: a model's or a workflow's. `moreVolumes` are volumes that come
 * from somewhere else.
 */
export function* podSpecEdges(
  source: Source,
  spec: Field,
  moreVolumes: readonly string[] = [],
): Iterable<Edge> {
  yield* toObject(source, "service-account", spec.at("serviceAccountName"), "", "ServiceAccount");
  yield* toObject(
    source,
    "priority-class",
    spec.at("priorityClassName"),
    "scheduling.k8s.io",
    "PriorityClass",
    "",
  );
  yield* toObject(source, "runtime-class", spec.at("runtimeClassName"), "node.k8s.io", "RuntimeClass", "");
  for (const secret of spec.at("imagePullSecrets").items)
    for (const one of toKey(source, "Secret", secret)) yield { ...one, code: "image-pull-secret" };
  for (const volume of spec.at("volumes").items) yield* volumeEdges(source, volume);
  // One that selects no pod spreads nothing, in silence.
  for (const constraint of spec.at("topologySpreadConstraints").items) {
    const selector = constraint.at("labelSelector").as<LabelSelector>();
    if (selector === undefined || source.object.chart !== undefined) continue;
    yield* perLabel(constraint.at("labelSelector", "matchLabels"), (at) =>
      edge(source, "pod-spread", at, { is: "pods", namespace: source.namespace, selector }),
    );
  }
  const volumes = [...spec.at("volumes").items.flatMap((one) => one.at("name").text ?? []), ...moreVolumes];
  for (const list of CONTAINERS)
    for (const container of spec.at(list).items) yield* containerEdges(source, container, volumes);
}

/** One container; `volumes` are the names that it may mount. */
export function* containerEdges(
  source: Source,
  container: Field,
  volumes: readonly string[],
): Iterable<Edge> {
  for (const variable of container.at("env").items) {
    yield* toKey(source, "Secret", variable.at("valueFrom", "secretKeyRef"));
    yield* toKey(source, "ConfigMap", variable.at("valueFrom", "configMapKeyRef"));
    const version = variable.at("valueFrom", "fieldRef", "apiVersion");
    if (version.text !== undefined)
      yield edge(source, "definition", version, {
        is: "oneOf",
        what: "version of a pod's fields",
        name: version.text,
        among: ["v1"],
      });
  }
  for (const from of container.at("envFrom").items) {
    yield* toKey(source, "Secret", from.at("secretRef"));
    yield* toKey(source, "ConfigMap", from.at("configMapRef"));
  }
  for (const mount of container.at("volumeMounts").items) {
    const name = mount.at("name");
    if (name.text !== undefined)
      yield edge(source, "volume", name, {
        is: "oneOf",
        what: "volume of the pod",
        name: name.text,
        among: volumes,
      });
  }
  yield* probeEdges(source, container);
}

function* probeEdges(source: Source, container: Field): Iterable<Edge> {
  const ports = container.at("ports").items;
  const among = ports.flatMap((port) =>
    [port.at("name").port ?? [], port.at("containerPort").port ?? []].flat(),
  );
  const hooks = [
    ...["livenessProbe", "readinessProbe", "startupProbe"].map((probe) => container.at(probe)),
    container.at("lifecycle", "preStop"),
    container.at("lifecycle", "postStart"),
  ];
  for (const hook of hooks)
    for (const way of ["httpGet", "tcpSocket", "grpc"]) {
      const port = hook.at(way, "port");
      // A container that lists no ports may listen anywhere: the list is for people, but one that is there is meant.
      // Charts list the ports of their Services alone, and probe others.
      const isFree = among.length === 0 || source.object.chart !== undefined;
      if (port.port === undefined || (typeof port.port === "number" && isFree)) continue;
      yield edge(source, "container-port", port, {
        is: "oneOf",
        what: "port of the container",
        name: String(port.port),
        among: among.map(String),
      });
    }
}

function* volumeEdges(source: Source, volume: Field): Iterable<Edge> {
  yield* mounted(source, "Secret", volume.at("secret"), "secretName");
  yield* mounted(source, "ConfigMap", volume.at("configMap"), "name");
  for (const part of volume.at("projected", "sources").items) {
    yield* mounted(source, "Secret", part.at("secret"), "name");
    yield* mounted(source, "ConfigMap", part.at("configMap"), "name");
  }
  yield* toObject(
    source,
    "claim",
    volume.at("persistentVolumeClaim", "claimName"),
    "",
    "PersistentVolumeClaim",
  );
  yield* toObject(
    source,
    "storage-class",
    volume.at("ephemeral", "volumeClaimTemplate", "spec", "storageClassName"),
    "storage.k8s.io",
    "StorageClass",
    "",
  );
}

function* mounted(
  source: Source,
  kind: "Secret" | "ConfigMap",
  volume: Field,
  named: string,
): Iterable<Edge> {
  const name = volume.at(named);
  if (name.text === undefined || volume.at("optional").value === true) return;
  const code = kind === "Secret" ? "secret-key" : "config-key";
  const target = { is: "key", kind, namespace: source.namespace, name: name.text } as const;
  yield edge(source, code, name, { ...target, key: undefined });
  for (const item of volume.at("items").items) {
    const key = item.at("key");
    if (key.text !== undefined) yield edge(source, code, key, { ...target, key: key.text });
  }
}
