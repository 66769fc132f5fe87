import { Digest } from "../../import/digest.ts";
import { metricValue } from "../../import/driver/convert.ts";
import { fingerprintOf } from "../../import/driver/fingerprint.ts";
import type { LoggedModel, Run, TraceInfo } from "../../import/driver/messages.ts";
import type { MlflowSource } from "../../import/driver/mlflow-source.ts";

/** Whether a run of the target is the source's, with everything but where it lies. */
export async function isSameRun(
  here: Run,
  there: Run,
  { source, target }: { source: MlflowSource; target: MlflowSource },
): Promise<boolean> {
  if (runFacts(here) !== runFacts(there)) return false;
  const id = here.info.run_id ?? "";
  for (const { key } of here.data?.metrics ?? [])
    if ((await historyOf(source, id, key)) !== (await historyOf(target, id, key))) return false;
  return true;
}

/** Ids of experiments and places of files are each platform's own. */
function runFacts(run: Run): string {
  const {
    artifact_uri: _,
    experiment_id: __,
    ...info
  } = run.info as Run["info"] & { experiment_id?: string };
  return fingerprintOf({ info, data: run.data ?? {}, inputs: run.inputs ?? {}, outputs: run.outputs ?? {} });
}

async function historyOf(of: MlflowSource, runId: string, key: string): Promise<string> {
  const digest = new Digest();
  for await (const page of of.history(runId, key))
    for (const { timestamp = 0, step = 0, value } of page)
      digest.add([String(timestamp), String(step), metricValue(value)]);
  const { count, digest: sum } = digest.facts;
  return `${count} ${sum}`;
}

export function isSameLoggedModel(here: LoggedModel, there: LoggedModel): boolean {
  const facts = ({ info, data }: LoggedModel): string => {
    const {
      artifact_uri: _,
      experiment_id: __,
      ...rest
    } = info as LoggedModel["info"] & {
      experiment_id?: string;
    };
    return fingerprintOf({ info: rest, params: data?.params ?? [] });
  };
  return facts(here) === facts(there);
}

/** What the target's own server adds to a trace is left out, and so is where it lies. */
export function isSameTrace(here: TraceInfo, there: TraceInfo): boolean {
  const facts = ({ trace_id: id, state, request_time: at, request_preview: asked }: TraceInfo): string =>
    fingerprintOf([id, state ?? "", at ?? "", asked ?? ""]);
  return facts(here) === facts(there);
}

/** Whether both have the same files of a run or a logged model, by their paths and sizes. */
export async function hasSameFiles(
  kind: "run" | "logged-model",
  id: string,
  uris: { here: string | undefined; there: string | undefined },
  { source, target }: { source: MlflowSource; target: MlflowSource },
): Promise<boolean> {
  const sizesOf = async (of: MlflowSource, uri: string | undefined): Promise<string> => {
    const sizes: string[] = [];
    if (uri !== undefined && uri !== "")
      for await (const { path, size } of of.files(kind, id, uri).files()) sizes.push(`${path} ${size ?? ""}`);
    return sizes.toSorted().join("\n");
  };
  return (await sizesOf(source, uris.here)) === (await sizesOf(target, uris.there));
}
