import type { LabelSelector } from "../label-selector.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { Field } from "./field.ts";

/** A metric that can be read from Prometheus. */
export interface KnownMetric {
  /** `any`: nobody says. */
  labels: ReadonlySet<string> | "any";
}

/** Labels that the operator's scraping adds to every series. */
const TARGET_LABELS: readonly string[] = [
  "namespace",
  "pod",
  "service",
  "container",
  "endpoint",
  "job",
  "instance",
  "node",
  "prometheus",
];

/** Made by Prometheus itself. */
const OWN_METRICS = [
  "up",
  "ALERTS",
  "ALERTS_FOR_STATE",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
];

const SERIES = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
} as const;

/** Names that rules and boards can read: emitted, recorded, given, or Prometheus's own. */
export function metricIndex(rendered: Rendered): Map<string, KnownMetric> {
  const index = new Map<string, KnownMetric>();
  const relabelled = rendered.objects.flatMap(({ object }) => relabelledTo(object));
  for (const { metrics } of rendered.emits)
    for (const { name, type, labels } of metrics)
      for (const suffix of SERIES[type]) {
        const own = suffix === "_bucket" ? ["le"] : type === "summary" && suffix === "" ? ["quantile"] : [];
        add(index, `${name}${suffix}`, [...labels, ...own, ...TARGET_LABELS, ...relabelled]);
      }
  // An alert has the labels of its expression, and those that its rule sets.
  const ofAlerts = [
    "alertname",
    "alertstate",
    ...rendered.objects.flatMap(({ object }) =>
      rulesOf(object).flatMap((rule) => rule.at("labels").entries.map(([label]) => label)),
    ),
    ...[...index.values()].flatMap(({ labels }) => (labels === "any" ? [] : [...labels])),
  ];
  for (const name of OWN_METRICS)
    add(index, name, name.startsWith("ALERTS") ? ofAlerts : [...TARGET_LABELS, ...relabelled]);
  for (const name of rendered.given.metrics) {
    add(index, name, "any");
    for (const suffix of SERIES.histogram) add(index, `${name}${suffix}`, "any");
  }
  for (const { object } of rendered.objects)
    for (const rule of rulesOf(object)) {
      const name = rule.at("record").text;
      if (name !== undefined) add(index, name, "any");
    }
  return index;
}

function add(index: Map<string, KnownMetric>, name: string, labels: readonly string[] | "any"): void {
  const before = index.get(name)?.labels;
  const isAny = labels === "any" || before === "any";
  index.set(name, { labels: isAny ? "any" : new Set([...(before ?? []), ...labels]) });
}

/** The rules of a PrometheusRule. */
export function rulesOf(object: KubernetesObject): Field[] {
  if (object.kind !== "PrometheusRule") return [];
  return new Field(object).at("spec", "groups").items.flatMap((group) => group.at("rules").items);
}

/** Labels that a monitor's own settings add. */
function relabelledTo(object: KubernetesObject): string[] {
  if (groupOf(object.apiVersion) !== "monitoring.coreos.com") return [];
  const spec = new Field(object).at("spec");
  const endpoints = [...spec.at("endpoints").items, ...spec.at("podMetricsEndpoints").items];
  const rules = endpoints.flatMap((one) => [
    ...one.at("relabelings").items,
    ...one.at("metricRelabelings").items,
  ]);
  const copied = [...spec.at("targetLabels").texts, ...spec.at("podTargetLabels").texts];
  return [
    ...rules.flatMap((rule) => rule.at("targetLabel").text ?? []),
    ...copied.map((label) => label.replaceAll(/[^a-zA-Z0-9_]/g, "_")),
  ];
}

/** Whether a monitor's selector is that of a pod or of a Service. */
export function selectorOf(monitor: Field): LabelSelector {
  return monitor.at("spec", "selector").as<LabelSelector>() ?? {};
}
