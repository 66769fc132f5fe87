import { eachAtOnce } from "./at-once.ts";
import { bringFiles } from "./bring-files.ts";
import { noteFailure, type ImportContext } from "./context.ts";
import { otlpSpan } from "./convert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Span, TraceInfo } from "./messages.ts";
import { SourceError } from "./source-error.ts";

const SPANS_LOCATION = "mlflow.trace.spansLocation";
const ARTIFACTS = "mlflow.artifactLocation";

/** Brings an experiment's traces with their spans, assessments and files. */
export async function bringTraces(context: ImportContext, from: string, to: string): Promise<void> {
  const { source, platform, tally, options } = context;
  try {
    for await (const page of source.traces(from)) {
      tally.add("traces", "found", page.length);
      const known = await platform.known(
        "trace",
        page.map((trace) => trace.trace_id),
      );
      await eachAtOnce(page, options.jobs, async (info) => {
        const fingerprint = fingerprintOf(info);
        if (known.get(info.trace_id) === fingerprint && !options.isRecheck)
          return tally.add("traces", "unchanged");
        try {
          await bringTrace(context, info, to, fingerprint);
          tally.add("traces", "brought");
        } catch (error) {
          tally.add("traces", "failed");
          noteFailure(tally, { kind: "trace", id: info.trace_id }, error);
        }
      });
    }
  } catch (error) {
    if (!(error instanceof SourceError) || !error.isUnknownCall) throw error;
    tally.skip("traces: this server's MLflow is older than 3.0");
  }
}

async function bringTrace(
  context: ImportContext,
  info: TraceInfo,
  to: string,
  fingerprint: string,
): Promise<void> {
  const { platform, options } = context;
  const spans = await spansOf(context, info);
  if (!options.isDryRun && context.isThere?.("trace", info.trace_id) !== true)
    await platform.trace({ info: moved(info, to), spans: spans.map(otlpSpan) });
  const isWhole = await bringFiles(context, "trace", info.trace_id, info.tags?.[ARTIFACTS]);
  const isOver = info.state === "OK" || info.state === "ERROR";
  if (isWhole && isOver && !options.isDryRun)
    await platform.done({ kind: "trace", id: info.trace_id, fingerprint });
}

/** Older servers keep spans as a file alone, which is brought with the others. */
async function spansOf({ source, tally, options }: ImportContext, info: TraceInfo): Promise<Span[]> {
  if (info.tags?.[SPANS_LOCATION] !== "TRACKING_STORE" || options.isDryRun) return [];
  try {
    return await source.spans(info.trace_id);
  } catch (error) {
    if (!(error instanceof SourceError) || !error.isUnknownCall) throw error;
    tally.skip("spans in the database: this server's MLflow doesn't hand them out");
    return [];
  }
}

/** In our experiment, without what its server alone means by its tags. */
function moved(info: TraceInfo, experimentId: string): Record<string, unknown> {
  const { [ARTIFACTS]: _, ...tags } = info.tags ?? {};
  return {
    ...info,
    tags,
    trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experimentId } },
  };
}
