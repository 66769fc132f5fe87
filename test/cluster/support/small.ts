import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Rendered } from "../../../src/targets/kubernetes/render/rendered.ts";
import { renderedOf } from "../../targets/kubernetes/platform-fixture.ts";

/** The platform of fixtures/small.yaml, in a namespace of its own. */
export function smallPlatform(
  change: (objects: KubernetesObject[]) => KubernetesObject[] = (same) => same,
): Rendered {
  const text = readFileSync(new URL("../fixtures/small.yaml", import.meta.url), "utf8");
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  const rendered = renderedOf(change(objects), "small");
  return { ...rendered, platform: { ...rendered.platform, namespace: "small" } };
}

/** The same objects with one of them changed. */
export function withChanged(
  kind: string,
  name: string,
  change: (object: KubernetesObject) => KubernetesObject,
): (objects: KubernetesObject[]) => KubernetesObject[] {
  return (objects) =>
    objects.map((one) => (one.kind === kind && one.metadata.name === name ? change(one) : one));
}
