import { identityKey, identityOf, type KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Edge, Rule, Surroundings } from "./edge.ts";
import { pathText, places, type Json, type JsonObject } from "./json.ts";
import { keys } from "./rules/keys.ts";
import { selectors, templates } from "./rules/labels.ts";
import { queries, scaling } from "./rules/metrics.ts";
import { buckets, hosts, locals, mounts, ownNamespace, references, values } from "./rules/names.ts";
import { files, policies, requests } from "./rules/paths.ts";
import { ports } from "./rules/ports.ts";
import { rights } from "./rules/verbs.ts";
import { apiVersions, images, revisions } from "./rules/versions.ts";

const NAMES: readonly Rule[] = [references, mounts, ownNamespace, hosts, values, locals, buckets];
const CONTENTS: readonly Rule[] = [ports, keys, selectors, templates, queries, scaling];
const REST: readonly Rule[] = [policies, requests, files, rights, apiVersions, images, revisions];
const RULES = [...NAMES, ...CONTENTS, ...REST];

/**
 * Every reference in the objects that the rules see, each once. It asks nothing of the wiring proof: whoever judges
 * the proof must find by itself what can be wrong. Definitions of kinds are left out, they are others' schemas.
 */
export function findEdges(objects: readonly KubernetesObject[]): Edge[] {
  const names = new Map<string, Set<string>>();
  for (const { kind, metadata } of objects)
    names.set(kind, (names.get(kind) ?? new Set()).add(metadata.name));
  return objects.flatMap((object, index) => {
    if (object.kind === "CustomResourceDefinition") return [];
    const owner = identityKey(identityOf(object));
    const json = object as unknown as JsonObject;
    const around: Surroundings = {
      kind: object.kind,
      apiVersion: object.apiVersion,
      names,
      mounts: textsAt(json, "mountPath").filter((path) => path !== "/"),
      locals: new Set(textsAt(json, "name")),
    };
    const found = [...places(json)].flatMap((place) => RULES.flatMap((rule) => rule(place, around)));
    const unique = new Map(found.map((it) => [`${pathText(it.path)} ${JSON.stringify(it.broken)}`, it]));
    return [...unique.values()].map((it) => Object.assign({ object: index, owner }, it));
  });
}

/** Texts of a field, wherever it is but in the object's own metadata. */
function textsAt(object: Json, field: string): string[] {
  return [...places(object)]
    .filter(({ path }) => path.at(-1) === field && path[0] !== "metadata")
    .flatMap(({ value }) => (typeof value === "string" ? [value] : []));
}
