import type { MetricSource } from "../component.ts";
import { selects } from "../label-selector.ts";
import type { Pod } from "../pod-template.ts";
import type { Owned, RenderedObject } from "../render/rendered.ts";
import { Field } from "./field.ts";
import type { Finding } from "./finding.ts";
import { selectorOf } from "./metric-index.ts";
import { watched } from "./monitoring-edges.ts";
import { placeOf } from "./network-proof.ts";
import type { World } from "./world.ts";

const GROUP = "monitoring.coreos.com";

/** What emits metrics is there, and some monitor reads it: else they are emitted to nobody. */
export function* scrapeFindings(world: World): Iterable<Finding> {
  const monitors = [...world.ofKind(GROUP, "PodMonitor"), ...world.ofKind(GROUP, "ServiceMonitor")];
  // Without the operator's objects, who scrapes isn't known here.
  if (monitors.length === 0) return;
  for (const source of world.rendered.emits) {
    const { namespace, labels } = source.pods;
    const pods = world.podsBy(namespace, { matchLabels: labels });
    if (pods.length === 0 && world.unreadCharts(namespace).length > 0) continue;
    const isRead = monitors.some((monitor) => reads(world, monitor, source, pods));
    if (!isRead) yield notScraped(source);
  }
}

function notScraped({ component, pods, port, metrics }: Owned<MetricSource>): Finding {
  const labels = Object.entries(pods.labels).map(([key, value]) => `${key}=${value}`);
  return {
    code: "metric-not-scraped",
    message: `${component} emits ${metrics[0]?.name ?? "metrics"} and ${metrics.length - 1} more at port ${port} of ${pods.namespace}/${labels.join(",")}, and no ServiceMonitor or PodMonitor reads it`,
    from: placeOf(component),
    severity: "error",
  };
}

function reads(
  world: World,
  { object }: RenderedObject,
  source: MetricSource,
  pods: readonly Pod[],
): boolean {
  const root = new Field(object);
  const { namespace } = source.pods;
  const where = watched({ namespace: object.metadata.namespace ?? "default" }, root.at("spec"));
  if (where !== "all" && !where.includes(namespace)) return false;
  if (object.kind === "PodMonitor") {
    const ports = root.at("spec", "podMetricsEndpoints").items.map((one) => one.at("port").text);
    const all = pods.length > 0 ? pods.map((pod) => pod.labels) : [source.pods.labels];
    return ports.includes(source.port) && all.some((labels) => selects(selectorOf(root), labels));
  }
  const ports = new Set(root.at("spec", "endpoints").items.map((one) => one.at("port").text));
  // Services that a controller keeps have the names of its own pods' ports.
  const isKept = world.services.some(
    (service) =>
      service.namespace === namespace &&
      world.find("", "Service", namespace, service.name) === undefined &&
      selects(selectorOf(root), service.labels ?? {}) &&
      service.ports.some(({ name }) => name === source.port && ports.has(name)),
  );
  if (isKept) return true;
  return world.ofKind("", "Service").some(({ object: service }) => {
    const spec = new Field(service).at("spec");
    return (
      service.metadata.namespace === namespace &&
      selects(selectorOf(root), service.metadata.labels ?? {}) &&
      pods.some((pod) =>
        selects({ matchLabels: spec.at("selector").as<Record<string, string>>() ?? {} }, pod.labels),
      ) &&
      spec.at("ports").items.some((port) => ports.has(port.at("name").text) && leadsTo(port, source, pods))
    );
  });
}

/** Whether a Service's port ends at the container port of that name. */
function leadsTo(port: Field, source: MetricSource, pods: readonly Pod[]): boolean {
  const target = port.at("targetPort").port ?? port.at("port").port;
  if (target === source.port) return true;
  return pods.some((pod) =>
    pod.ports.some((one) => one.name === source.port && one.containerPort === target),
  );
}
