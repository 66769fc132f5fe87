import { METRICS } from "./metrics-table.ts";
import type { MetricName, MetricRow } from "./metrics-table.ts";
import type { HistogramCounts } from "./power-histogram.ts";

type LabelNames<Name extends MetricName> = (typeof METRICS)[Name]["labels"][number];
/** A metric's labels, each of them and no other. */
export type Labels<Name extends MetricName> = Readonly<Record<LabelNames<Name>, string | number>>;
type Named<Type extends MetricRow["type"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Gathers samples and writes them in the Prometheus text format 0.0.4, in the order of the table. */
export class Exposition {
  readonly #lines = new Map<MetricName, string[]>();

  add<Name extends Named<"counter" | "gauge">>(name: Name, labels: Labels<Name>, value: number): void {
    this.#of(name).push(`${name}${braced(pairs(name, labels))} ${written(value)}`);
  }

  addHistogram<Name extends Named<"histogram">>(
    name: Name,
    labels: Labels<Name>,
    { bounds, counts, sum }: HistogramCounts,
  ): void {
    const own = pairs(name, labels);
    const lines = this.#of(name);
    let below = 0;
    bounds.forEach((bound, i) => {
      below += counts[i] ?? 0;
      lines.push(`${name}_bucket${braced([...own, `le="${written(bound)}"`])} ${below}`);
    });
    const total = counts.reduce((all, count) => all + count, 0);
    lines.push(
      `${name}_bucket${braced([...own, 'le="+Inf"'])} ${total}`,
      `${name}_sum${braced(own)} ${written(sum)}`,
      `${name}_count${braced(own)} ${total}`,
    );
  }

  /** The whole page; a metric without samples has its HELP and TYPE all the same. */
  text(): string {
    const lines = Object.entries(METRICS).flatMap(([name, { type, help }]) => [
      `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
      `# TYPE ${name} ${type}`,
      ...(this.#lines.get(name as MetricName) ?? []),
    ]);
    return `${lines.join("\n")}\n`;
  }

  #of(name: MetricName): string[] {
    let lines = this.#lines.get(name);
    if (lines === undefined) this.#lines.set(name, (lines = []));
    return lines;
  }
}

/** In the table's order, whatever the caller's. */
function pairs(name: MetricName, labels: Readonly<Record<string, string | number>>): string[] {
  return METRICS[name].labels.map((label) => `${label}="${escaped(String(labels[label] ?? ""))}"`);
}

function braced(own: readonly string[]): string {
  return own.length === 0 ? "" : `{${own.join(",")}}`;
}

function written(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
