import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../http/errors.ts";
import type { Project } from "../spec/project.ts";
import type { PipelineRun } from "./pipeline-run.ts";
import type { Pipelines } from "./pipelines.ts";
import {
  ANSWER,
  LIST_ANSWER,
  LIST_QUERY,
  LOGS_QUERY,
  PARAMS,
  PROJECT_PARAMS,
  TRIGGER_BODY,
} from "./route-schemas.ts";

export interface PipelineRoutesDeps {
  pipelines: Pipelines;
  ids: { sortable: (prefix: string) => string };
  /**
   * A project's spec at a commit of its repository (default: the head of its main branch). NOT_FOUND when there
   * is no such project of the tenant's, or no such commit; a spec with problems is refused as in a push.
   */
  projectAt: (
    tenant: string,
    project: string,
    commit?: string,
  ) => Promise<{ commit: string; ref: string; spec: Project }>;
}

const ROOT = "/api/slipway/v1";

/** Pipeline runs of our own JSON API. */
export function pipelineRoutes(app: FastifyInstance, deps: PipelineRoutesDeps): void {
  const { pipelines } = deps;

  app.get<{ Querystring: { project?: string; limit: number } }>(
    `${ROOT}/pipeline-runs`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Pipeline runs, newest first",
        querystring: LIST_QUERY,
        response: { 200: LIST_ANSWER },
      },
    },
    async ({ query, identity: { tenant } }) => ({
      pipelineRuns: (await pipelines.list({ ...query, tenant })).map(view),
    }),
  );

  app.get<{ Params: { id: string } }>(
    `${ROOT}/pipeline-runs/:id`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: { summary: "One pipeline run with its steps", params: PARAMS, response: { 200: ANSWER } },
    },
    async ({ params, identity }) => view(await found(pipelines, params.id, identity.tenant)),
  );

  app.post<{ Params: { id: string } }>(
    `${ROOT}/pipeline-runs/:id/cancel`,
    {
      config: { access: "write", tenantFrom: "request" },
      schema: {
        summary: "End a pipeline run with all its processes",
        params: PARAMS,
        response: { 200: ANSWER },
      },
    },
    async ({ params, identity: { tenant } }) => {
      await found(pipelines, params.id, tenant);
      await pipelines.cancel(params.id);
      return view(await found(pipelines, params.id, tenant));
    },
  );

  app.post<{ Params: { name: string }; Body: { commit?: string; cache?: boolean } | undefined }>(
    `${ROOT}/projects/:name/pipeline-runs`,
    {
      config: { access: "write", tenantFrom: "request" },
      schema: {
        summary: "Run a project's pipeline again, without a push",
        params: PROJECT_PARAMS,
        body: TRIGGER_BODY,
        response: { 201: ANSWER },
      },
    },
    async ({ params, body, identity }, reply) => {
      const { tenant } = identity;
      const { commit, ref, spec } = await deps.projectAt(tenant, params.name, body?.commit);
      const { id } = await pipelines.trigger({
        project: params.name,
        tenant,
        commit,
        ref,
        pusher: identity.caller.kind === "local" ? "api" : identity.caller.name,
        spec,
        cache: body?.cache ?? true,
        key: deps.ids.sortable("ask"),
      });
      return reply.status(201).send(view(await found(pipelines, id, tenant)));
    },
  );

  app.get<{ Params: { id: string }; Querystring: { step?: string; follow: boolean } }>(
    `${ROOT}/pipeline-runs/:id/logs`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Output of the steps, as lines `step | line`",
        params: PARAMS,
        querystring: LOGS_QUERY,
      },
    },
    async ({ params, query, identity }, reply) => {
      const { step, follow } = query;
      const run = await found(pipelines, params.id, identity.tenant);
      if (step !== undefined && !run.steps.some(({ name }) => name === step))
        throw new SlipwayError("NOT_FOUND", `pipeline run ${run.id} has no step ${step}`, {
          allowed: run.steps.map(({ name }) => name).join(", "),
        });
      const gone = new AbortController();
      reply.raw.on("close", () => gone.abort());
      const options = { follow, signal: gone.signal, ...(step === undefined ? {} : { step }) };
      const lines = pipelines.logs(run.id, options);
      return reply.type("text/plain; charset=utf-8").send(Readable.from(text(lines), { objectMode: false }));
    },
  );
}

async function* text(lines: AsyncIterable<{ step: string; line: string }>): AsyncIterable<string> {
  for await (const { step, line } of lines) yield `${step} | ${line}\n`;
}

async function found(pipelines: Pipelines, id: string, tenant: string): Promise<PipelineRun> {
  const run = await pipelines.get(id);
  if (run?.tenant !== tenant) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
  return run;
}

/** What callers see. */
function view(run: PipelineRun): Record<string, unknown> {
  const { id, project, commit, ref, pusher, state, createdAt, startedAt, finishedAt, model, version } = run;
  const { reason, code, rolloutId, steps, broughtFrom } = run;
  const trackingRunId = run.startedAt === null ? null : run.trackingRunId;
  return {
    id,
    project,
    commit,
    ref,
    pusher,
    state,
    createdAt,
    startedAt,
    finishedAt,
    trackingRunId,
    model,
    version,
    rolloutId,
    reason,
    code,
    steps,
    ...(broughtFrom === undefined ? {} : { broughtFrom }),
  };
}
