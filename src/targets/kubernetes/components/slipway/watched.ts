import { METRICS } from "../../../../monitoring/metrics-table.ts";
import type { MetricRow } from "../../../../monitoring/metrics-table.ts";
import type { MetricFamily } from "../../component.ts";
import type { Watched } from "../parts/watch.ts";
import { ADMIN_PORT, ADMIN_PORT_NAME, PORTS, PORT_NAME, podsOf } from "./roles.ts";
import type { Role } from "./roles.ts";

/** Which role knows what: each part of the platform's metrics is emitted by one of them. */
const FROM: Readonly<Record<MetricRow["from"], readonly Role[]>> = {
  // Of every serve pod together, the ones that are gone included: the leader knows it.
  serve: ["control"],
  workers: ["control"],
  leader: ["control"],
  rollouts: ["control"],
  pipelines: ["control"],
  store: ["control"],
  processes: ["serve", "control"],
};

/** Where a pod tells of itself without a token; at serve's public port that is the whole platform, for whoever has one. */
const AT = {
  control: { port: PORT_NAME, number: PORTS.control },
  serve: { port: ADMIN_PORT_NAME, number: ADMIN_PORT },
} as const satisfies Record<Role, object>;

/** Watched as pods, since a Service's monitor would write its own `service` over that of our metrics. */
export function watchedOf(namespace: string): Watched[] {
  return (["control", "serve"] as const).map((role) => ({
    name: `slipway-${role}`,
    pods: podsOf(namespace, role),
    ...AT[role],
    metrics: Object.entries<MetricRow>(METRICS)
      .filter(([, { from }]) => FROM[from].includes(role))
      .map(([name, { type, labels }]): MetricFamily => ({ name, type, labels })),
  }));
}
