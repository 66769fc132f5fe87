import type { ArmCount, MetricEvidence } from "../judge.ts";

/** What a metric's counts say in words. */
export interface DescribedMetric {
  name: string;
  kind: MetricEvidence["kind"];
  champion: ArmCount;
  challenger: ArmCount;
}

/**
 * "version 3 failed 72 of 310 requests, version 2 2 of 2,890", or "version 3 was wrong on 64 of 70 labelled answers
 * (accuracy), version 2 on 90 of 2,890": of labels it says that only labelled answers are known.
 * Slow is above the threshold of the variant's arm, which `MetricEvidence.slowAbove` says.
 */
export function describeCounts(metric: DescribedMetric, challenger: string, champion: string): string {
  if (metric.kind === "errors")
    return `${challenger} failed ${ratio(metric.challenger)} requests, ${champion} ${ratio(metric.champion)}`;
  if (metric.kind === "latency")
    return `${challenger} was slow on ${ratio(metric.challenger)} requests, ${champion} on ${ratio(metric.champion)}`;
  if (metric.challenger.units === 0) return `no answer of ${challenger} is labelled (${metric.name})`;
  const challengers = `${ratio(metric.challenger)} labelled answers (${metric.name})`;
  return `${challenger} was wrong on ${challengers}, ${champion} on ${ratio(metric.champion)}`;
}

/** "callers of version 3 left before its answer 40 times of 60, of version 2 12 of 900". */
export function describeLeft(
  { champion, challenger }: { champion: ArmCount; challenger: ArmCount },
  challengerName: string,
  championName: string,
): string {
  return (
    `callers of ${challengerName} left before its answer ${grouped(challenger.loss)} times of ` +
    `${grouped(challenger.units)}, of ${championName} ${ratio(champion)}`
  );
}

function ratio(count: ArmCount): string {
  return `${grouped(count.loss)} of ${grouped(count.units)}`;
}

/** 2890 as "2,890", independent of the machine's locale. */
export function grouped(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  let rest = Math.floor(rounded);
  let text = String(rest % 1000);
  for (rest = Math.floor(rest / 1000); rest > 0; rest = Math.floor(rest / 1000))
    text = `${String(rest % 1000)},${text.padStart(3 + Math.floor(text.length / 4) * 4, "0")}`;
  const tenths = Math.round((rounded % 1) * 10);
  return tenths === 0 ? text : `${text}.${tenths}`;
}
