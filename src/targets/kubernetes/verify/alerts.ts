import { z } from "zod";
import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { failed, passed } from "./checks.ts";
import type { Check } from "./checks.ts";

const alertsSchema = z.looseObject({
  data: z.looseObject({
    alerts: z.array(z.looseObject({ state: z.string(), labels: z.record(z.string(), z.string()) })),
  }),
});

/** Fires always, so that its silence is noticed. */
const ALWAYS: ReadonlySet<string> = new Set(["Watchdog", "InfoInhibitor"]);

/** Alerts that fire in Prometheus, asked through the API server: nobody needs a port of it. */
export async function checkAlerts(client: ClusterClient): Promise<Check[]> {
  const prometheuses = await client.listKind("monitoring.coreos.com/v1", "Prometheus");
  const checks = await Promise.all(
    prometheuses.map(async ({ metadata }): Promise<Check[]> => {
      const name = `alerts of ${metadata.namespace ?? ""}/${metadata.name}`;
      try {
        const service = { namespace: metadata.namespace ?? "", name: "prometheus-operated", port: 9090 };
        const parsed = alertsSchema.safeParse(await client.through(service, "/api/v1/alerts"));
        if (!parsed.success) return [{ name, result: "unknown", says: "Prometheus answers something else" }];
        const firing = parsed.data.data.alerts.filter(
          ({ state, labels }) => state === "firing" && !ALWAYS.has(labels["alertname"] ?? ""),
        );
        if (firing.length === 0) return [passed(name, "none fires")];
        return firing.map(({ labels }) => failed(`alert ${labels["alertname"] ?? ""}`, labelText(labels)));
      } catch (error) {
        if (!(error instanceof SlipwayError)) throw error;
        return [{ name, result: "unknown", says: error.message }];
      }
    }),
  );
  return checks.flat();
}

function labelText({ alertname: _name, ...labels }: Record<string, string>): string {
  const shown = Object.entries(labels).filter(([key]) => !key.startsWith("prometheus"));
  return `fires for ${shown.map(([key, value]) => `${key}=${value}`).join(", ")}`;
}
