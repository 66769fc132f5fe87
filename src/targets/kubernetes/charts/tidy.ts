import type { ChartUse } from "../component.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import { BUILT_IN_KINDS } from "../wiring/built-in-kinds.ts";
import { CUSTOM_KINDS } from "../wiring/custom-kinds.ts";

/**
 * What manifests without values of their own are changed by, as the `values` of their ChartUse: objects are named
 * `Kind/name`.
 */
export interface ManifestValues {
  /** Objects that are left out. */
  without?: readonly string[];
  /** Fields that are laid over an object's own; lists are replaced. */
  over?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Fields of containers, by the workload's and the container's name: `argocd-server/argocd-server`. */
  containers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * The objects of a chart's or a release's output as they are applied: in the release's namespace where they name none,
 * without tests, without what only a server writes, definitions without the prose of their schemas (four fifths of
 * their bytes; `kubectl explain` of the program's own documents shows it).
 */
export function tidyObjects(objects: readonly unknown[], use: ChartUse): KubernetesObject[] {
  const whole = objects.flatMap(members).filter((object) => !isTest(object));
  const cluster = clusterKinds(whole);
  return whole.map((object) => {
    const plain = withoutEmpty(object) as KubernetesObject;
    delete plain["status"];
    delete plain.metadata["creationTimestamp"];
    if (object.kind === "CustomResourceDefinition") dropProse(plain["spec"]);
    // Documentation in the place of configuration, as Knative and KServe write it.
    if (object.kind === "ConfigMap")
      delete (plain["data"] as Record<string, unknown> | undefined)?.["_example"];
    if (!cluster.has(kindOf(plain))) plain.metadata.namespace ??= use.namespace;
    if (plain.kind.endsWith("Binding")) nameSubjects(plain, use.namespace);
    return plain;
  });
}

/** Manifests with what the component changes of them. Throws when a name isn't there: upstream renamed it. */
export function changeManifests(
  objects: readonly KubernetesObject[],
  { without = [], over = {}, containers = {} }: ManifestValues,
): KubernetesObject[] {
  const left = new Set([...without, ...Object.keys(over), ...Object.keys(containers)]);
  const changed = objects
    .filter((object) => !(without.includes(nameOf(object)) && left.delete(nameOf(object))))
    .map((object) => {
      const name = nameOf(object);
      const own = over[name];
      if (own !== undefined) left.delete(name);
      const laid = own === undefined ? object : (layOver(object, own) as KubernetesObject);
      return withContainers(laid, containers, left);
    });
  const [unknown] = left;
  if (unknown !== undefined) throw new Error(`the manifests have no ${unknown}`);
  return changed;
}

function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.name}`;
}

function layOver(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above;
  const both = { ...below };
  for (const [key, value] of Object.entries(above)) both[key] = layOver(below[key], value);
  return both;
}

function withContainers(
  object: KubernetesObject,
  containers: NonNullable<ManifestValues["containers"]>,
  left: Set<string>,
): KubernetesObject {
  const copy = structuredClone(object);
  const spec = (copy["spec"] as { template?: { spec?: Record<string, Container[]> } } | undefined)?.template
    ?.spec;
  for (const list of ["containers", "initContainers"])
    for (const container of spec?.[list] ?? []) {
      const key = `${object.metadata.name}/${container.name}`;
      if (left.delete(key)) Object.assign(container, containers[key]);
    }
  return copy;
}

interface Container {
  name: string;
  [field: string]: unknown;
}

/** A chart may answer a List, and empty documents. */
function members(document: unknown): KubernetesObject[] {
  if (!isRecord(document)) return [];
  const { kind, items } = document;
  if (kind === "List" && Array.isArray(items)) return items.flatMap(members);
  return [document as KubernetesObject];
}

function isTest({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.["helm.sh/hook"]?.includes("test") === true;
}

function kindOf({ apiVersion, kind }: KubernetesObject): string {
  return `${kind}.${groupOf(apiVersion)}`;
}

/** Kinds that have no namespace: the server's own, those known of others, and those that are defined here. */
function clusterKinds(objects: readonly KubernetesObject[]): Set<string> {
  const known = [...BUILT_IN_KINDS, ...CUSTOM_KINDS].filter(({ scope }) => scope === "cluster");
  const defined = objects
    .filter(({ kind }) => kind === "CustomResourceDefinition")
    .map((object) => object["spec"] as { group: string; scope: string; names: { kind: string } })
    .filter(({ scope }) => scope === "Cluster");
  return new Set([
    ...known.map(({ apiVersion, kind }) => `${kind}.${groupOf(apiVersion)}`),
    ...defined.map(({ group, names }) => `${names.kind}.${group}`),
  ]);
}

/** Manifests that are applied with `kubectl -n` leave the subjects' namespace out, or write their authors' own. */
function nameSubjects(binding: KubernetesObject, namespace: string): void {
  for (const subject of (binding["subjects"] ?? []) as { kind: string; namespace?: string }[])
    if (subject.kind === "ServiceAccount") subject.namespace ??= namespace;
}

/** Prose of OpenAPI schemas; a property that is named `description` is a schema, not a text. */
function dropProse(value: unknown): void {
  if (Array.isArray(value)) value.forEach(dropProse);
  else if (isRecord(value)) {
    if (typeof value["description"] === "string") delete value["description"];
    for (const inner of Object.values(value)) dropProse(inner);
  }
}

/** Templates write `annotations:` with nothing below it; a server takes that for an owned, empty field. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutEmpty(inner)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
