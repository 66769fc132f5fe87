import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../../base/clock.ts";
import { PredictionTrace } from "./prediction-trace.ts";
import type { TracedRequest } from "./prediction-trace.ts";
import { isSampled } from "./sampler.ts";
import type { TracingSettings } from "./settings.ts";
import { SpanExporter } from "./span-exporter.ts";
import { traceContext } from "./trace-context.ts";

/** Makes traces of predictions; where there is none, nothing is looked at. */
export interface Tracer {
  /** undefined: this one isn't sampled. */
  begin(request: TracedRequest, headers: IncomingHttpHeaders): PredictionTrace | undefined;
  counts(): { exported: number; dropped: number };
  /** Exports what is left for at most so long. */
  close(withinMs: number): Promise<void>;
}

export interface TracerDeps {
  settings: TracingSettings;
  version: string;
  clock: Clock;
  note(line: string): void;
}

export async function createTracer({ settings, version, ...deps }: TracerDeps): Promise<Tracer> {
  const resource = { "service.version": version, ...settings.resource };
  const exporter = await SpanExporter.create({ ...deps, version, settings: { ...settings, resource } });
  const ended = exporter.add.bind(exporter);
  return {
    begin(request, headers) {
      const parent = traceContext(headers);
      const traceId = parent?.traceId ?? randomBytes(16).toString("hex");
      if (!isSampled(settings.sampler, traceId, parent)) return undefined;
      // The clock is asked once for each trace: it may be set, and the steps within must still add up.
      const origin = deps.clock.now() - performance.now();
      const now = () => origin + performance.now();
      return new PredictionTrace(request, traceId, parent, now, ended);
    },
    counts: () => exporter.counts,
    close: (withinMs) => exporter.close(withinMs),
  };
}
