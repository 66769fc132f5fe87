import type { OutcomeReport } from "../../serving/outcomes.ts";
import type { MetricSource } from "../metrics-routes.ts";
import type { PredictionLogReader } from "./reader.ts";

/** What the router has logged or had no room for, and how large the files are. */
export function predictionLogMetrics(deps: {
  backend: { outcomes(): Promise<OutcomeReport> };
  reader: Pick<PredictionLogReader, "files">;
  services(): Promise<readonly { name: string }[]>;
}): MetricSource {
  return async (page) => {
    for (const { name } of await deps.services()) {
      const files = await deps.reader.files(name);
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      page.add("slipway_prediction_log_bytes", { service: name }, bytes);
    }
    const { logs = [] } = await deps.backend.outcomes();
    for (const { service, logged, dropped } of logs) {
      page.add("slipway_prediction_log_records_total", { service }, logged);
      page.add("slipway_prediction_log_dropped_total", { service }, dropped);
    }
  };
}
