import type { Path } from "../../../spec/issue.ts";
import type { LabelSelector } from "../label-selector.ts";
import type { RenderedObject } from "../render/rendered.ts";
import type { Field } from "./field.ts";

/** What an object counts on. */
export type Target =
  | { is: "object"; group: string; kind: string; namespace: string | undefined; name: string }
  | { is: "key"; kind: "Secret" | "ConfigMap"; namespace: string; name: string; key: string | undefined }
  | { is: "servicePort"; namespace: string; name: string; port: number | string | undefined }
  | { is: "pods"; namespace: string; selector: LabelSelector }
  | { is: "podPort"; namespace: string; selector: LabelSelector; port: number | string }
  | {
      is: "services";
      namespaces: readonly string[] | "all";
      selector: LabelSelector;
      port: number | string | undefined;
    }
  | { is: "definition"; apiVersion: string; kind: string }
  | { is: "resource"; group: string; resource: string }
  /** A label that at least one of these metrics must carry. */
  | { is: "grouping"; label: string; metrics: readonly string[] }
  | { is: "bucket"; name: string }
  /** A metric that must be emitted, or a label that it must carry. */
  | { is: "metric"; name: string; label: string | undefined }
  /** `served`: something answers requests for it; `listened`: a listener for it is enough. */
  | { is: "host"; name: string; how: "served" | "listened" }
  /** One of the names that stand elsewhere in the same object, or in one that is known already. */
  | { is: "oneOf"; what: string; name: string; among: readonly string[] };

/** One reference out of a rendered object. Something that the platform needs breaks when it leads nowhere. */
export interface Edge {
  /** Stable, such as `secret-key`. */
  code: EdgeCode;
  object: RenderedObject;
  /** Where in the object it stands: what to change to break it. */
  at: Path;
  target: Target;
}

export type EdgeCode = (typeof EDGE_CODES)[number];

/** Kinds of edges; each is also the code of the finding when one leads nowhere. */
export const EDGE_CODES = [
  "admission-policy",
  "api-service",
  "application-destination",
  "application-project",
  "autoscaler-target",
  "autoscaler-request",
  "bucket",
  "certificate",
  "certificate-issuer",
  "claim",
  "cluster",
  "config-key",
  "container-port",
  "data-source",
  "definition",
  "disruption-budget",
  "expression",
  "gateway",
  "gateway-class",
  "gateway-listener",
  "host",
  "image-pull-secret",
  "metric",
  "monitor-selector",
  "namespace",
  "network-policy-pods",
  "network-policy-port",
  "object-store",
  "picked-up",
  "pod-spread",
  "priority-class",
  "receiver",
  "reference-grant",
  "role",
  "role-resource",
  "role-subject",
  "runtime-class",
  "secret-key",
  "service-account",
  "service-port",
  "service-selector",
  "serving-runtime",
  "source",
  "storage-class",
  "volume",
  "webhook-service",
  "workflow-template",
  "workload-selector",
] as const;

/** An object on its way through the extractors. */
export interface Source {
  object: RenderedObject;
  root: Field;
  /** Its own, or that of what names nothing. */
  namespace: string;
  group: string;
  kind: string;
}

export function edge(source: Source, code: EdgeCode, field: Field, target: Target): Edge {
  return { code, object: source.object, at: field.path, target };
}

/** An object of a kind, named at a field; none when the field is empty. */
export function* toObject(
  source: Source,
  code: EdgeCode,
  field: Field,
  group: string,
  kind: string,
  namespace: string | undefined = source.namespace,
): Iterable<Edge> {
  if (field.text !== undefined)
    yield edge(source, code, field, { is: "object", group, kind, namespace, name: field.text });
}

/** A key of a Secret that a reference `{ name, key }` names, unless it says that it may be missing. */
export function* toKey(
  source: Source,
  kind: "Secret" | "ConfigMap",
  reference: Field,
  namespace = source.namespace,
): Iterable<Edge> {
  const name = reference.at("name");
  if (name.text === undefined || reference.at("optional").value === true) return;
  const key = reference.at("key");
  const code = kind === "Secret" ? "secret-key" : "config-key";
  yield edge(source, code, name, { is: "key", kind, namespace, name: name.text, key: undefined });
  if (key.text !== undefined)
    yield edge(source, code, key, { is: "key", kind, namespace, name: name.text, key: key.text });
}
