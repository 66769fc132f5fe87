import { SlipwayError } from "../http/errors.ts";
import { readPipelineRun } from "../pipelines/commands.ts";
import { selectServiceOf } from "../rollout/rows.ts";
import { findVersion } from "../registry/queries.ts";
import { claimService } from "../rollout/service-owners.ts";
import { noteRollout } from "./commands.ts";
import type { PushDeps } from "./deps.ts";

interface Wanted {
  project: string;
  model: string;
  version: number;
  pipelineRunId?: string | undefined;
}

/**
 * Asks for the rollout of a version that came along, by the policy of the commit that made it (else of the project's
 * head). A repeat answers the rollout that was asked for first.
 */
export async function goLive(
  deps: PushDeps,
  { project, model, version, pipelineRunId }: Wanted,
  { tenant, source, who }: { tenant: string; source: string; who: string },
): Promise<{ rolloutId: string | null }> {
  const { db } = deps;
  const known = await db.read(async (tx) => ({
    service: await selectServiceOf(tx, tenant, model),
    version: await findVersion(tx, { workspace: tenant, name: model, version }),
    run: pipelineRunId === undefined ? undefined : await readPipelineRun(tx, pipelineRunId),
  }));
  if (!known.version) throw new SlipwayError("NOT_FOUND", `model ${model} has no version ${version}`);
  if (known.service?.champion === version) return { rolloutId: null };
  const made = known.run?.tenant === tenant && known.run.project === project ? known.run : undefined;
  const { spec, commit } = await specOf(deps, project, model, made?.commit);
  await db.write(claimService, { service: model, tenant });
  const { rolloutId } = await deps.rollouts.request({
    key: `push/${source}/${tenant}/${model}/${version}`,
    project,
    tenant,
    commit: made?.commit ?? commit,
    ...(made === undefined ? {} : { pipelineRunId: made.id }),
    model,
    version,
    policy: spec.rollout,
    serving: spec.serving,
    requestedBy: who,
  });
  if (made !== undefined) await db.write(noteRollout, { pipelineRunId: made.id, rolloutId });
  return { rolloutId };
}

/** The spec at that commit, where it still is in the repository and names the model; else the head's. */
async function specOf(
  deps: PushDeps,
  project: string,
  model: string,
  commit: string | undefined,
): ReturnType<PushDeps["projectAt"]> {
  if (commit !== undefined) {
    const at = await deps.projectAt(project, commit).catch(notUsable);
    if (at?.spec.model?.name === model) return at;
  }
  const head = await deps.projectAt(project);
  if (head.spec.model?.name === model) return head;
  throw new SlipwayError("INVALID_REQUEST", `slipway.yaml of ${project} names no model ${model}`, {
    where: "model.name",
    given: model,
  });
}

/** A commit that is gone, or whose file this version no longer takes. */
function notUsable(error: unknown): undefined {
  if (error instanceof SlipwayError && error.status < 500) return undefined;
  throw error;
}
