import type { BroughtRun } from "../wire.ts";
import type { PushContext } from "./context.ts";
import { look } from "./check-target.ts";
import type { PushReport } from "./report.ts";

/** Pipeline runs of one call. */
const PAGE = 50;

/** The project's pipeline runs that have ended, page by page. */
async function* endedRuns({ from, about }: PushContext): AsyncGenerator<BroughtRun[]> {
  let after: string | undefined = "";
  while (after !== undefined) {
    const path: string = `/projects/${about.project}/export/pipeline-runs?limit=${PAGE}&after=${after}`;
    const page: { pipelineRuns: BroughtRun[]; next?: string } = await from.get(path);
    yield page.pipelineRuns;
    after = page.next;
  }
}

/** Looks whether their ids are free there, or theirs. */
export async function checkPipelineRuns(context: PushContext): Promise<void> {
  for await (const runs of endedRuns(context)) {
    const byId = new Map(runs.map((run) => [run.id, run]));
    for (const { id, state } of await look(context, "pipeline-run", [...byId.keys()])) {
      if (state === "absent" || state === "brought") continue;
      if (state === "here" && isSame(byId.get(id), await context.to.get(`/pipeline-runs/${id}`))) continue;
      context.conflicts.add({ kind: "pipeline-run", id, why: "another one has this id there" });
    }
  }
}

/** A pipeline run that has ended never changes: one that began then, of that commit, is the same. */
function isSame(here: BroughtRun | undefined, there: Partial<BroughtRun>): boolean {
  return (["project", "commit", "createdAt", "state"] as const).every((fact) => here?.[fact] === there[fact]);
}

/** Sends them; of a dry run nothing, and all that are new count as sent. */
export async function bringPipelineRuns(context: PushContext): Promise<PushReport["pipelineRuns"]> {
  const counts = { found: 0, brought: 0, unchanged: 0 };
  const { isDryRun } = context.import.options;
  for await (const runs of endedRuns(context)) {
    counts.found += runs.length;
    const ids = runs.map(({ id }) => id);
    const looked = await look(context, "pipeline-run", ids);
    const missing = runs.filter((_, at) => looked[at]?.state === "absent");
    counts.unchanged += runs.length - missing.length;
    counts.brought += missing.length;
    if (isDryRun || missing.length === 0) continue;
    await context.to.post(`/pushes/${context.import.platform.importId}/pipeline-runs`, {
      pipelineRuns: missing,
    });
  }
  return counts;
}
