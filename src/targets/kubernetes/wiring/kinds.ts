import { groupOf } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { BUILT_IN_KINDS } from "./built-in-kinds.ts";
import { CUSTOM_KINDS } from "./custom-kinds.ts";
import { Field } from "./field.ts";

/** A kind that the cluster will serve once everything is applied. */
export interface ServedKind {
  apiVersion: string;
  group: string;
  kind: string;
  resource: string;
  scope: "namespace" | "cluster";
  subresources: readonly string[];
  /** `stated`: promised by a component whose definitions aren't rendered, or by the platform's file; not proven. */
  by: "kubernetes" | "definition" | "component" | "given";
}

/** Every kind that is served by a cluster of this minor version with this platform on it. */
export function servedKinds(rendered: Rendered, minor: number): ServedKind[] {
  const kinds: ServedKind[] = BUILT_IN_KINDS.filter(({ since }) => since <= minor).map((one) => ({
    ...one,
    group: groupOf(one.apiVersion),
    by: "kubernetes",
  }));
  for (const { object } of rendered.objects)
    if (object.kind === "CustomResourceDefinition") kinds.push(...definedBy(new Field(object).at("spec")));
  // Also a component that brings no chart, such as Flux: it is set up before, by its own program.
  const read = new Set(
    rendered.charts.filter(({ state }) => state === "read").map(({ component }) => component),
  );
  const referenced = rendered.charts
    .filter(({ state }) => state === "reference")
    .map(({ component }) => component);
  const chosen = Object.keys(rendered.platform.components).filter((component) => !read.has(component));
  const unread = new Set([...referenced, ...chosen]);
  for (const { component, ...kind } of CUSTOM_KINDS)
    if (unread.has(component))
      kinds.push({
        ...kind,
        group: groupOf(kind.apiVersion),
        subresources: ["status", "scale"],
        by: "component",
      });
  for (const { apiVersion, kind } of rendered.given.definitions)
    kinds.push({
      apiVersion,
      kind,
      group: groupOf(apiVersion),
      resource: pluralOf(kind),
      scope: "namespace",
      subresources: ["status", "scale", "finalizers"],
      by: "given",
    });
  return kinds;
}

function definedBy(spec: Field): ServedKind[] {
  const group = spec.at("group").text ?? "";
  return spec
    .at("versions")
    .items.filter((version) => version.at("served").value === true)
    .map((version) => ({
      apiVersion: `${group}/${version.at("name").text ?? ""}`,
      group,
      kind: spec.at("names", "kind").text ?? "",
      resource: spec.at("names", "plural").text ?? "",
      scope: spec.at("scope").text === "Cluster" ? "cluster" : "namespace",
      subresources: version.at("subresources").entries.map(([name]) => name),
      by: "definition",
    }));
}

/** As definitions are named by habit; only for kinds whose definition nobody shows. */
function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}
