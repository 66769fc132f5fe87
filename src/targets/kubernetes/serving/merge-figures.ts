import type { ServingFigures, VariantFigures } from "../../../serving/figures.ts";
import type { HistogramCounts } from "../../../monitoring/power-histogram.ts";

/** What several serve processes count, as one: sums, and a service is ready when it is ready in one of them. */
export function mergeFigures(all: readonly ServingFigures[]): ServingFigures {
  return {
    process: {
      residentBytes: sum(all.map(({ process }) => process.residentBytes)),
      cpuSeconds: sum(all.map(({ process }) => process.cpuSeconds)),
      startedAt: Math.min(...all.map(({ process }) => process.startedAt)),
    },
    requests: merged(
      all.flatMap(({ requests }) => requests),
      ({ count: _count, ...labels }) => JSON.stringify(labels),
      (a, b) => ({ ...a, count: a.count + b.count }),
    ),
    services: merged(
      all.flatMap(({ services }) => services),
      ({ name }) => name,
      (a, b) => ({ ...a, isReady: a.isReady || b.isReady }),
    ),
    variants: merged(
      all.flatMap(({ variants }) => variants),
      ({ service, version }) => `${version} ${service}`,
      addVariant,
    ),
    ...addSpans(all),
  };
}

/** Items of one key added up, each in the place of its first. */
function merged<Item>(
  items: readonly Item[],
  key: (item: Item) => string,
  add: (a: Item, b: Item) => Item,
): Item[] {
  const byKey = new Map<string, Item>();
  for (const item of items) {
    const before = byKey.get(key(item));
    byKey.set(key(item), before === undefined ? item : add(before, item));
  }
  return [...byKey.values()];
}

function addVariant(a: VariantFigures, b: VariantFigures): VariantFigures {
  const ends = { ...a.ends };
  for (const [how, count] of Object.entries(b.ends) as [keyof typeof ends, number][])
    ends[how] = (ends[how] ?? 0) + count;
  const { queue, compute, batch } = a.runs;
  return {
    ...a,
    ends,
    runs: {
      queue: addHistogram(queue, b.runs.queue),
      compute: addHistogram(compute, b.runs.compute),
      batch: addHistogram(batch, b.runs.batch),
    },
  };
}

/** Of the same program, so of the same bounds. */
function addHistogram(a: HistogramCounts, b: HistogramCounts): HistogramCounts {
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)),
    sum: a.sum + b.sum,
  };
}

function addSpans(all: readonly ServingFigures[]): Pick<ServingFigures, "spans"> {
  const spans = all.flatMap(({ spans }) => spans ?? []);
  if (spans.length === 0) return {};
  return {
    spans: {
      exported: sum(spans.map(({ exported }) => exported)),
      dropped: sum(spans.map(({ dropped }) => dropped)),
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
