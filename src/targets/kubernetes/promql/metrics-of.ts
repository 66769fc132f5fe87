import { parser } from "@prometheus-io/lezer-promql";

/** A metric that an expression reads, and the labels by which it is chosen. */
export interface UsedMetric {
  name: string;
  labels: readonly string[];
}

/** Labels that an expression sums by or matches on: at least one of the metrics in it must carry each. */
export interface Grouping {
  labels: readonly string[];
  metrics: readonly string[];
}

export type MetricsOf =
  | {
      ok: true;
      metrics: readonly UsedMetric[];
      groupings: readonly Grouping[];
      /** Its result may carry labels that no metric has. */
      makesLabels: boolean;
    }
  | { ok: false; near: string };

/** Grafana's own variables for durations; those of a board stand inside of texts, where any will do. */
const DURATIONS = /\$\{?__(?:rate_interval|interval|range|interval_ms|range_s|range_ms)\}?/g;

/**
 * Every metric that a PromQL expression selects. Parsed with Prometheus's own grammar: a metric's name in a comment, a
 * text or a label is none. A selector without a fixed name (`{__name__=~"…"}`) has the empty name.
 */
export function metricsOf(expression: string): MetricsOf {
  const text = expression.replaceAll(DURATIONS, "5m");
  const metrics: { name: string; labels: string[]; at: number }[] = [];
  let near: string | undefined;
  const tree = parser.parse(text);
  tree.iterate({
    enter({ name, type, from, to, node }) {
      const part = text.slice(from, to);
      if (type.isError) near ??= text.slice(Math.max(0, from - 20), to + 20);
      else if (name === "VectorSelector") metrics.push({ name: "", labels: [], at: from });
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
  const groupings = groupingsIn(tree).flatMap(({ labels, within }): Grouping[] => {
    const inner = metrics.filter(({ at }) => within.from <= at && at < within.to);
    if (MAKES_LABELS.test(text.slice(within.from, within.to))) return [];
    return [
      {
        labels: labels.map((label) => text.slice(label.from, label.to)),
        metrics: inner.map(({ name }) => name),
      },
    ];
  });
  return {
    ok: true,
    metrics: metrics.map(({ name, labels }) => ({ name, labels })),
    groupings,
    makesLabels: MAKES_LABELS.test(text),
  };
}

type Tree = ReturnType<typeof parser.parse>;

/** Functions whose result carries labels that no metric has. */
const MAKES_LABELS = /\b(?:label_replace|label_join|count_values|info)\b/;

interface Range {
  from: number;
  to: number;
}

/** `without` and `ignoring` name what needn't be there, and aren't among them. */
function groupingsIn(tree: Tree): { labels: Range[]; within: Range }[] {
  const found: { labels: Range[]; within: Range }[] = [];
  tree.iterate({
    enter({ name, node }) {
      if (name !== "GroupingLabels" || !/^(?:By|On)$/.test(node.prevSibling?.name ?? "")) return;
      const within = node.parent?.parent;
      if (within) found.push({ labels: node.getChildren("LabelName"), within });
    },
  });
  return found;
}
