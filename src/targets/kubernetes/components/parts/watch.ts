import type { MetricFamily, MetricSource, NetworkPath, PodSelector } from "../../component.ts";
import type { MonitoringFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";

/** What is scraped off some pods. */
export interface Watched {
  /** Of the monitor. */
  name: string;
  pods: PodSelector;
  /** Name and number of the container's port. */
  port: string;
  number: number;
  /** None: `/metrics`. */
  path?: string;
  metrics: readonly MetricFamily[];
  /** Its labels `namespace` and the like are of what it tells about, and stay; else those of the scraped pod win. */
  honorLabels?: true;
}

/** What a component's output has of a scrape: the source always, the monitor and the path where there is Prometheus. */
export interface Watch {
  emits: MetricSource[];
  objects: KubernetesObject[];
  paths: NetworkPath[];
}

export function watch(all: readonly Watched[], monitoring: MonitoringFacts | undefined): Watch {
  return {
    emits: all.map(({ pods, port, metrics }) => ({ pods, port, metrics })),
    objects: monitoring === undefined ? [] : all.map((one) => podMonitor(one, monitoring)),
    paths:
      monitoring === undefined
        ? []
        : all.map(({ pods, number }) => ({
            from: { kind: "pods", pods: monitoring.pods },
            to: { kind: "pods", pods },
            port: number,
            why: "scrape metrics",
          })),
  };
}

function podMonitor(
  { name, pods, port, path, honorLabels }: Watched,
  { monitorLabels }: MonitoringFacts,
): KubernetesObject {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name, namespace: pods.namespace, labels: { ...monitorLabels } },
    spec: {
      selector: { matchLabels: pods.labels },
      podMetricsEndpoints: [
        {
          port,
          ...(path === undefined ? {} : { path }),
          ...(honorLabels === undefined ? {} : { honorLabels }),
        },
      ],
    },
  };
}

/** Families of one type; `of` is a list of words `name{label,label}`. */
export function families(type: MetricFamily["type"], of: readonly string[]): MetricFamily[] {
  return of.map((text) => {
    const [name = "", labels = ""] = text.replace("}", "").split("{");
    return { name, type, labels: labels === "" ? [] : labels.split(",") };
  });
}
