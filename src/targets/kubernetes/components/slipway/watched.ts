import { METRICS } from "../../../../monitoring/metrics-table.ts";
import type { MetricRow } from "../../../../monitoring/metrics-table.ts";
import type { MetricFamily } from "../../component.ts";
import type { Watched } from "../parts/watch.ts";
import { PORTS, PORT_NAME, podsOf } from "./roles.ts";
import type { Role } from "./roles.ts";

/** Which role knows what: each part of the platform's metrics is emitted by one of them. */
const FROM: Readonly<Record<MetricRow["from"], readonly Role[]>> = {
  serve: ["serve"],
  workers: ["serve"],
  rollouts: ["control"],
  pipelines: ["control"],
  store: ["control"],
  processes: ["serve", "control"],
};

/** Watched as pods, since a Service's monitor would write its own `service` over that of our metrics. */
export function watchedOf(namespace: string): Watched[] {
  return (["control", "serve"] as const).map((role) => ({
    name: `slipway-${role}`,
    pods: podsOf(namespace, role),
    port: PORT_NAME,
    number: PORTS[role],
    metrics: Object.entries<MetricRow>(METRICS)
      .filter(([, { from }]) => FROM[from].includes(role))
      .map(([name, { type, labels }]): MetricFamily => ({ name, type, labels })),
  }));
}
