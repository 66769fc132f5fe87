import type { Compile, ModelCopy } from "../serving/model-store.ts";

/** What serves a version: "onnx" or "python". */
export const FORMAT_TAG = "slipway.format";
/** Of a model in Python: whether it runs as the ONNX model that it was compiled to. */
export const COMPILED_TAG = "slipway.compiled";
/** Which proof there is, or why it isn't. */
export const COMPILED_REASON_TAG = "slipway.compiled_reason";

/** Longest reason; MLflow's tags take more. */
const MAX_REASON = 2_000;

/** Tags of a version that say what serves it, and why. */
export function runTags({ format, compiled }: ModelCopy, compile: Compile): Record<string, string> {
  const reason =
    compiled?.reason ?? (format === "python" && compile === "never" ? "serving.compile is never" : undefined);
  return {
    [FORMAT_TAG]: format,
    ...(reason !== undefined && {
      [COMPILED_TAG]: String(compiled?.isProven ?? false),
      [COMPILED_REASON_TAG]: reason.slice(0, MAX_REASON),
    }),
  };
}

/** What a version runs as, from its tags, in a clause; undefined where nothing says so. */
export function runText(tags: Readonly<Record<string, string>>): string | undefined {
  const format = tags[FORMAT_TAG];
  const reason = tags[COMPILED_REASON_TAG];
  if (format === undefined) return undefined;
  if (reason === undefined) return `runs in ${format === "onnx" ? "ONNX Runtime" : "Python"}`;
  return tags[COMPILED_TAG] === "true"
    ? `runs in ONNX Runtime, compiled from Python: ${reason}`
    : `runs in Python, not compiled to ONNX: ${reason}`;
}

/** At the end of a contract check's message. */
export function ranAs({ compiled }: ModelCopy): string {
  if (compiled === undefined) return "";
  return compiled.isProven
    ? "; compiled to ONNX, which is proven to answer as the model itself"
    : "; it runs in Python (its tag slipway.compiled_reason says why it isn't compiled to ONNX)";
}
