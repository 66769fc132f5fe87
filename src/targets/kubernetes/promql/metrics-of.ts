import { parser } from "@prometheus-io/lezer-promql";

/** A metric that an expression reads, and the labels by which it is chosen. */
export interface UsedMetric {
  name: string;
  labels: readonly string[];
}

export type MetricsOf = { ok: true; metrics: readonly UsedMetric[] } | { ok: false; near: string };

/** Grafana's own variables for durations; those of a board stand inside of texts, where any will do. */
const DURATIONS = /\$\{?__(?:rate_interval|interval|range|interval_ms|range_s|range_ms)\}?/g;

/**
 * Every metric that a PromQL expression selects. Parsed with Prometheus's own grammar: a metric's name in a comment, a
 * text or a label is none. A selector without a fixed name (`{__name__=~"…"}`) has the empty name.
 */
export function metricsOf(expression: string): MetricsOf {
  const text = expression.replaceAll(DURATIONS, "5m");
  const metrics: { name: string; labels: string[] }[] = [];
  let near: string | undefined;
  parser.parse(text).iterate({
    enter({ name, type, from, to, node }) {
      const part = text.slice(from, to);
      if (type.isError) near ??= text.slice(Math.max(0, from - 20), to + 20);
      else if (name === "VectorSelector") metrics.push({ name: "", labels: [] });
      const metric = metrics.at(-1);
      if (metric === undefined) return;
      if (name === "Identifier" && node.parent?.name === "VectorSelector") metric.name = part;
      else if (name === "LabelName" && node.parent?.name === "UnquotedLabelMatcher") {
        const [operator, value] = [node.nextSibling, node.nextSibling?.nextSibling].map((one) =>
          one ? text.slice(one.from, one.to) : "",
        );
        if (part !== "__name__") metric.labels.push(part);
        else if (operator === "=") metric.name = (value ?? "").slice(1, -1);
      } else if (name === "QuotedLabelName") metric.name = part.slice(1, -1);
    },
  });
  if (near !== undefined || text.trim() === "") return { ok: false, near: near ?? text };
  return { ok: true, metrics };
}
