import type { LabelSelector } from "../label-selector.ts";
import { podTemplate } from "../pod-template.ts";
import { edge, toKey, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { Field } from "./field.ts";
import { podSpecEdges } from "./pod-edges.ts";

/** Workloads of the built-in kinds: their pods, and that they select their own. */
export function* workloadEdges(source: Source): Iterable<Edge> {
  const template = podTemplate(source.object.object);
  if (template !== undefined) {
    yield* podSpecEdges(source, source.root.at(...template.path, "spec"), claimNames(source.root));
    yield* selectorEdges(source, template.metadata.labels ?? {});
  }
  if (source.kind === "StatefulSet" && source.group === "apps") {
    yield* toObject(source, "service-selector", source.root.at("spec", "serviceName"), "", "Service");
    for (const claim of source.root.at("spec", "volumeClaimTemplates").items)
      yield* claimEdges(source, claim.at("spec"));
  }
  if (source.kind === "PersistentVolumeClaim") yield* claimEdges(source, source.root.at("spec"));
  if (source.kind === "ServiceAccount")
    for (const secret of source.root.at("imagePullSecrets").items)
      for (const one of toKey(source, "Secret", secret)) yield { ...one, code: "image-pull-secret" };
}

/** The storage that a claim's spec asks for. */
export function* claimEdges(source: Source, spec: Field): Iterable<Edge> {
  yield* toObject(source, "storage-class", spec.at("storageClassName"), "storage.k8s.io", "StorageClass", "");
}

function* selectorEdges(source: Source, labels: Readonly<Record<string, string>>): Iterable<Edge> {
  const selector = source.root.at("spec", "selector");
  for (const [key, value] of selector.at("matchLabels").entries)
    if (value.text !== undefined)
      yield edge(source, "workload-selector", value, {
        is: "oneOf",
        what: "label of its own pods",
        name: `${key}=${value.text}`,
        among: Object.entries(labels).map(([own, text]) => `${own}=${text}`),
      });
  const spec = selector.as<LabelSelector>();
  if (spec?.matchExpressions !== undefined)
    yield edge(source, "workload-selector", selector.at("matchExpressions"), {
      is: "pods",
      namespace: source.namespace,
      selector: spec,
    });
}

/** Volumes that a StatefulSet's claims make by themselves. */
function claimNames(root: Field): string[] {
  return root
    .at("spec", "volumeClaimTemplates")
    .items.flatMap((claim) => claim.at("metadata", "name").text ?? []);
}
