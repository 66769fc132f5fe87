import type { NamedEnds } from "../network/ends.ts";
import type { Rendered } from "../render/rendered.ts";
import { viewOf } from "./network-proof.ts";
import { World } from "./world.ts";

/** What `can` looks names up in: the rendered objects, and the pods that controllers make of them. */
export function namedEnds(rendered: Rendered): NamedEnds {
  const { version, apiServer, dns } = rendered.platform.kubernetes;
  return {
    view: viewOf(new World(rendered, version)),
    objects: rendered.objects.map(({ object }) => object),
    apiServer: apiServer?.cidr,
    dns,
  };
}
