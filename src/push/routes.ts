import type { FastifyInstance, FastifyRequest } from "fastify";
import type { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { described, importAt, importId, PUSH_SOURCE, read, unchecked } from "../import/route-parts.ts";
import { claimService } from "../rollout/service-owners.ts";
import { bringPipelineRun } from "./commands.ts";
import type { PushDeps } from "./deps.ts";
import { exportRoutes } from "./export-routes.ts";
import { goLive } from "./go-live.ts";
import { lookFor } from "./look.ts";
import { takeFromHere } from "./same-file.ts";
import * as wire from "./wire.ts";

const BASE = "/api/slipway/v1/pushes";
/** A hundred pipeline runs with their steps and specs. */
const MAX_BODY = 32 * 1024 * 1024;

interface About {
  request: FastifyRequest;
  tenant: string;
  importId: string;
  /** `slipway:<platform>/<tenant>` */
  source: string;
}

interface Call<Schema extends z.ZodType> {
  path: string;
  summary: string;
  description?: string;
  body: Schema;
  answer(given: z.infer<Schema>, about: About): Promise<object>;
}

/**
 * What `slipway push` calls, on the platform that it reads from and on the one that it writes to; all that is
 * MLflow's goes by the import API. Every call may be sent again: what is there already changes nothing.
 */
export function pushRoutes(app: FastifyInstance, deps: PushDeps): void {
  exportRoutes(app, deps);
  lookRoute(app, deps);
  const add = caller(app, deps);
  add({
    path: "project",
    summary: "Take the names of the project and of its service for the tenant",
    description: "NAME_TAKEN when another tenant has one of them.",
    body: wire.claim,
    async answer({ project, model }, { request, tenant }) {
      request.audited = { subject: `project/${project}` };
      if ((await deps.claimProject(project, tenant)) !== tenant)
        throw new SlipwayError("NAME_TAKEN", `the name ${project} is taken`, { given: project });
      if (model !== undefined) await deps.db.write(claimService, { service: model, tenant });
      return {};
    },
  });
  add({
    path: "pipeline-runs",
    summary: "Bring pipeline runs that have ended elsewhere",
    description: "The push of a commit whose pipeline run came along starts none.",
    body: wire.pipelineRuns,
    async answer({ pipelineRuns }, { tenant, source }) {
      const done = { brought: 0, unchanged: 0 };
      for (const run of pipelineRuns) {
        await requireOwn(deps, run.project, tenant);
        done[await deps.db.write(bringPipelineRun, { workspace: tenant, source, run })]++;
      }
      return done;
    },
  });
  add({
    path: "files",
    summary: "Take a file from here when one with its bytes was brought to the tenant before",
    description: "`isHere` says whether it is in its place now; if not, send it.",
    body: wire.file,
    answer: (file, { tenant, importId: id }) => takeFromHere(deps, file, { tenant, importId: id }),
  });
  add({
    path: "service",
    summary: "Ask for a version to go live by the project's own rollout",
    description:
      "Its contract check comes first, as for every version. The same version again asks for no second rollout; " +
      "of one that is the champion `rolloutId` is null.",
    body: wire.service,
    async answer(given, { request, tenant, source }) {
      request.audited = { subject: `service/${given.model}` };
      await requireOwn(deps, given.project, tenant);
      return goLive(deps, given, { tenant, source, who: deps.callerName(request) });
    },
  });
}

/** NOT_FOUND for a project that isn't the tenant's. */
async function requireOwn(deps: PushDeps, project: string, tenant: string): Promise<void> {
  if ((await deps.ownerOfProject(project)) === tenant) return;
  throw new SlipwayError("NOT_FOUND", `there is no project ${project}`);
}

function lookRoute(app: FastifyInstance, { db }: PushDeps): void {
  app.post(
    `${BASE}/look`,
    {
      config: { access: "admin", tenantFrom: "request" },
      ...unchecked,
      bodyLimit: MAX_BODY,
      schema: {
        tags: ["pushes"],
        summary: "Which of these things are here, and where they come from; writes nothing",
        body: described(wire.look),
      },
    },
    async (request) => {
      const { source, kind, ids } = read(wire.look, request.body);
      const workspace = request.identity.tenant;
      return {
        tenant: workspace,
        items: await db.read((tx) => lookFor(tx, { workspace, source, kind, ids })),
      };
    },
  );
}

/** Adds a call about a push that has begun: it is the import from that source. */
function caller(
  app: FastifyInstance,
  { db }: PushDeps,
): <Schema extends z.ZodType>(call: Call<Schema>) => void {
  return ({ path, summary, description, body, answer }) => {
    app.post(
      `${BASE}/:importId/${path}`,
      {
        config: { access: "admin", tenantFrom: "request" },
        ...unchecked,
        bodyLimit: MAX_BODY,
        schema: {
          tags: ["pushes"],
          summary,
          ...(description === undefined ? {} : { description }),
          params: described(importId),
          body: described(body),
        },
      },
      async (request) => {
        const { importId: id, source } = await importAt(request, db);
        if (!PUSH_SOURCE.test(source))
          throw new SlipwayError("INVALID_REQUEST", "that import isn't a push from a platform", {
            given: id,
          });
        const about = { request, tenant: request.identity.tenant, importId: id, source };
        return answer(read(body, request.body), about);
      },
    );
  };
}
