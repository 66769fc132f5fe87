import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Rendered, RenderedObject } from "../../../src/targets/kubernetes/render/rendered.ts";
import { proveWiring } from "../../../src/targets/kubernetes/wiring/prove.ts";
import type { Proof } from "./judge.ts";

/** The wiring proof over the objects of a rendering, with everything else of it as it is. */
export function proofOf(rendered: Rendered): Proof {
  return (objects: readonly KubernetesObject[]) =>
    proveWiring(
      { ...rendered, objects: rendered.objects.map((one, index) => withObject(one, objects[index]!)) },
      rendered.platform.kubernetes.version,
    )
      .filter(({ severity }) => severity === "error")
      .map(({ code, message }) => `${code}: ${message}`);
}

/** The same one while its object is: what is read off it stays known. */
function withObject(one: RenderedObject, object: KubernetesObject): RenderedObject {
  return one.object === object ? one : { ...one, object };
}
