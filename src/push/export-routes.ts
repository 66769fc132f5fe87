import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { described, read, unchecked } from "../import/route-parts.ts";
import type { PipelineRun } from "../pipelines/pipeline-run.ts";
import { readEndedRuns, readUnderWay } from "../pipelines/commands.ts";
import { selectServiceOf } from "../rollout/rows.ts";
import type { PushDeps } from "./deps.ts";
import { PROJECT, type BroughtRun, type ProjectExport } from "./wire.ts";

const config = { access: "read", tenantFrom: "request" } as const;
const BASE = "/api/slipway/v1/projects/:name/export";
const params = z.object({ name: PROJECT });
const page = z.object({
  after: z.string().max(64).default("").describe("Id of the last one of the page before."),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});

/** What a push reads from its source beside MLflow's API and Git. */
export function exportRoutes(app: FastifyInstance, deps: PushDeps): void {
  app.get(
    BASE,
    {
      config,
      ...unchecked,
      schema: {
        tags: ["pushes"],
        summary: "What a push of the project to another platform starts from",
        params: described(params),
      },
    },
    (request): Promise<ProjectExport> => describe(deps, request),
  );
  app.get(
    `${BASE}/pipeline-runs`,
    {
      config,
      ...unchecked,
      schema: {
        tags: ["pushes"],
        summary: "The project's pipeline runs that have ended, whole, in the order of their ids",
        params: described(params),
        querystring: described(page),
      },
    },
    async (request): Promise<{ pipelineRuns: BroughtRun[]; next?: string }> => {
      const project = await ownProject(deps, request);
      const { after, limit } = read(page, request.query);
      const { tenant } = request.identity;
      const runs = await deps.db.read((tx) => readEndedRuns(tx, { tenant, project, after, limit }));
      const last = runs.at(-1)?.id;
      return {
        pipelineRuns: runs.map(exported),
        ...(runs.length === limit && last !== undefined ? { next: last } : {}),
      };
    },
  );
}

/** NOT_FOUND unless it is the request's tenant's. */
async function ownProject(deps: PushDeps, request: FastifyRequest): Promise<string> {
  const { name } = read(params, request.params);
  if ((await deps.ownerOfProject(name)) === request.identity.tenant) return name;
  throw new SlipwayError("NOT_FOUND", `there is no project ${name}`);
}

async function describe(deps: PushDeps, request: FastifyRequest): Promise<ProjectExport> {
  const project = await ownProject(deps, request);
  const { tenant } = request.identity;
  const at = await deps.projectAt(project).catch(notThere);
  const model = at?.spec.model?.name;
  return deps.db.read(async (tx) => {
    const service = model === undefined ? undefined : await selectServiceOf(tx, tenant, model);
    return {
      platform: deps.platformId,
      version: deps.version,
      tenant,
      project,
      head: at === undefined ? null : { commit: at.commit, ref: at.ref },
      model:
        model === undefined
          ? null
          : { name: model, champion: service?.champion ?? null, onTrial: service?.challenger ?? null },
      underWay: await readUnderWay(tx, { tenant, project }),
    };
  });
}

function exported(run: PipelineRun): BroughtRun {
  const { id, project, commit, ref, pusher, spec, cache, reason, code, trackingRunId, model, version } = run;
  const { createdAt, startedAt, finishedAt, steps } = run;
  const state = run.state as BroughtRun["state"];
  return {
    id,
    project,
    commit,
    ref,
    pusher,
    spec: spec as unknown as BroughtRun["spec"],
    cache,
    state,
    reason,
    code,
    trackingRunId,
    model,
    version,
    createdAt,
    startedAt,
    finishedAt: finishedAt ?? createdAt,
    steps,
  };
}

function notThere(error: unknown): undefined {
  if (error instanceof SlipwayError && error.status === 404) return undefined;
  throw error;
}
