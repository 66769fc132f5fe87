import { groupOf } from "../object.ts";
import type { Rendered, RenderedObject } from "../render/rendered.ts";
import { commonEdges, textEdges } from "./common-edges.ts";
import type { Edge, Source } from "./edge.ts";
import { engineEdges } from "./engine-edges.ts";
import { Field } from "./field.ts";
import { gatewayEdges } from "./gateway-edges.ts";
import { hostEdges } from "./host-edges.ts";
import { dataSourceEdges, metricEdges } from "./metric-edges.ts";
import { monitoringEdges } from "./monitoring-edges.ts";
import { admissionEdges, autoscalerEdges, certificateEdges, roleEdges } from "./platform-edges.ts";
import { serviceEdges } from "./service-edges.ts";
import { workloadEdges } from "./workload-edges.ts";
import { World } from "./world.ts";

/** What an object names by itself, whatever else there is. */
const ALONE: readonly ((source: Source) => Iterable<Edge>)[] = [
  commonEdges,
  workloadEdges,
  serviceEdges,
  certificateEdges,
  admissionEdges,
  roleEdges,
  metricEdges,
  textEdges,
];
/** What others decide too: which of them it means. */
const IN_WORLD: readonly ((source: Source, world: World) => Iterable<Edge>)[] = [
  gatewayEdges,
  autoscalerEdges,
  monitoringEdges,
  dataSourceEdges,
  engineEdges,
  hostEdges,
];
/** Rendered objects are never changed: what one names by itself is read off it once, for as long as it is there. */
const ofObject = new WeakMap<RenderedObject, readonly Edge[]>();

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
    let alone = ofObject.get(object);
    if (alone === undefined) {
      alone = ALONE.flatMap((extract) => [...extract(source)]);
      ofObject.set(object, alone);
    }
    return [...alone, ...IN_WORLD.flatMap((extract) => [...extract(source, world)])];
  });
}
