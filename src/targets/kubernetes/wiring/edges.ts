import { groupOf } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { commonEdges, textEdges } from "./common-edges.ts";
import type { Edge, Source } from "./edge.ts";
import { engineEdges } from "./engine-edges.ts";
import { Field } from "./field.ts";
import { gatewayEdges } from "./gateway-edges.ts";
import { hostEdges } from "./host-edges.ts";
import { metricEdges } from "./metric-edges.ts";
import { monitoringEdges } from "./monitoring-edges.ts";
import { admissionEdges, autoscalerEdges, certificateEdges, roleEdges } from "./platform-edges.ts";
import { serviceEdges } from "./service-edges.ts";
import { workloadEdges } from "./workload-edges.ts";
import { World } from "./world.ts";

type InWorld = (source: Source, world: World) => Iterable<Edge>;

const EXTRACTORS: readonly InWorld[] = [
  commonEdges,
  workloadEdges,
  serviceEdges,
  gatewayEdges,
  certificateEdges,
  autoscalerEdges,
  admissionEdges,
  roleEdges,
  monitoringEdges,
  metricEdges,
  engineEdges,
  textEdges,
  hostEdges,
];

/**
 * Every reference out of every rendered object: what one object names and another must make. Each can be broken on
 * its own by changing what stands at `object` and `at`, and `proveWiring` must then say so.
 */
export function edges(rendered: Rendered): Edge[] {
  return edgesIn(new World(rendered, rendered.platform.kubernetes.version));
}

export function edgesIn(world: World): Edge[] {
  return world.rendered.objects.flatMap((object) => {
    const source: Source = {
      object,
      root: new Field(object.object),
      namespace: object.object.metadata.namespace ?? "default",
      group: groupOf(object.object.apiVersion),
      kind: object.object.kind,
    };
    return EXTRACTORS.flatMap((extract) => [...extract(source, world)]);
  });
}
