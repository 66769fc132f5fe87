import type { ArmCount } from "../judge.ts";

/** What a metric's counts say in words. */
export interface DescribedMetric {
  name: string;
  kind: "errors" | "labels";
  champion: ArmCount;
  challenger: ArmCount;
}

/** "version 3 failed 72 of 310, version 2 2 of 2,890", or the same of labelled answers. */
export function describeCounts(metric: DescribedMetric, challenger: string, champion: string): string {
  const did = metric.kind === "errors" ? "failed" : "was wrong on";
  const what = metric.kind === "errors" ? "" : ` labelled (${metric.name})`;
  return `${challenger} ${did} ${ratio(metric.challenger)}${what}, ${champion} ${ratio(metric.champion)}`;
}

function ratio(count: ArmCount): string {
  return `${grouped(count.loss)} of ${grouped(count.units)}`;
}

/** 2890 as "2,890", independent of the machine's locale. */
export function grouped(value: number): string {
  return (Math.round(value * 10) / 10).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}
