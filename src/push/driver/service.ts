import { SlipwayError } from "../../http/errors.ts";
import type { ModelVersion } from "../../import/driver/messages.ts";
import type { PushContext } from "./context.ts";
import type { ServiceReport } from "./report.ts";

interface RolloutAnswer {
  state: string;
  sentence?: string | null;
}

/** Before its contract check has ended. */
const WAITING: ReadonlySet<string> = new Set(["pending", "checking"]);
const LOOK_MS = 300;
/** An environment of Python packages may have to be made first. */
const CHECK_WITHIN_MS = 30 * 60_000;

/** Has the champion go live on the target, and waits until its contract check has ended; null: there is none. */
export async function bringService(
  context: PushContext,
  { sleep, now, said }: { sleep(ms: number): Promise<void>; now(): number; said(line: string): void },
): Promise<ServiceReport | null> {
  const { to, about } = context;
  const { model, project } = about;
  if (model === null || model.champion === null) return null;
  const { name, champion: version } = model;
  const url = `${to.side.url}/v2/models/${name}/infer`;
  if (context.import.options.isDryRun)
    return { model: name, version, rolloutId: null, url, state: "planned", sentence: null };
  const versions = await context.source.versions(name, false);
  const pipelineRunId = pipelineRunOf(versions.find((one) => Number(one.version) === version));
  const { rolloutId } = await to.post<{ rolloutId: string | null }>(
    `/pushes/${context.import.platform.importId}/service`,
    { project, model: name, version, ...(pipelineRunId === undefined ? {} : { pipelineRunId }) },
  );
  const report = { model: name, version, rolloutId, url };
  if (rolloutId === null) return { ...report, state: "serving", sentence: null };
  said(`version ${version} of ${name} is checked there before it serves (rollout ${rolloutId})`);
  const deadline = now() + CHECK_WITHIN_MS;
  for (;;) {
    const { state, sentence = null } = await to.get<RolloutAnswer>(`/rollouts/${rolloutId}`);
    if (!WAITING.has(state)) return { ...report, state, sentence };
    if (now() > deadline)
      throw new SlipwayError(
        "TIMEOUT",
        `version ${version} of ${name} is still being checked at ${to.side.url}`,
        {
          hint: "Everything is there; `slipway why service/NAME --url …` says what it waits for.",
        },
      );
    await sleep(LOOK_MS);
  }
}

function pipelineRunOf(version: ModelVersion | undefined): string | undefined {
  return version?.tags?.find(({ key }) => key === "slipway.pipeline_run")?.value || undefined;
}
