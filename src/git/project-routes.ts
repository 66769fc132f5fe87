import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../http/errors.ts";
import { readCommits } from "./commits.ts";
import { checkRepositoryName, kindOf } from "./names.ts";
import type { ProjectOwners } from "./project-owners.ts";
import type { ProjectPushes } from "./project-pushes.ts";
import type { Repositories } from "./repositories.ts";

export interface ProjectRoutesDeps {
  repositories: Repositories;
  projectPushes: ProjectPushes;
  owners: ProjectOwners;
  /** What is known of a pipeline run, for showing it beside its project; undefined when it is gone. */
  pipelineRun: (id: string) => Promise<{ id: string; state: string } | undefined>;
}

interface ProjectView {
  name: string;
  defaultBranch: string;
  head: { commit: string; author: string; at: number; message: string } | null;
  lastPush: { commit: string; pusher: string; at: number } | null;
  lastPipelineRun: { id: string; state: string } | null;
}

const PROJECT = {
  type: "object",
  required: ["name", "defaultBranch", "head", "lastPush", "lastPipelineRun"],
  properties: {
    name: { type: "string" },
    defaultBranch: { type: "string" },
    head: {
      type: ["object", "null"],
      description: "Newest commit of the default branch; null before the first push.",
      properties: {
        commit: { type: "string" },
        author: { type: "string" },
        at: { type: "integer", description: "Milliseconds since the epoch." },
        message: { type: "string" },
      },
    },
    lastPush: {
      type: ["object", "null"],
      properties: {
        commit: { type: "string" },
        pusher: { type: "string" },
        at: { type: "integer", description: "Milliseconds since the epoch." },
      },
    },
    lastPipelineRun: {
      type: ["object", "null"],
      properties: { id: { type: "string" }, state: { type: "string" } },
    },
  },
} as const;

const LIST = {
  summary: "Projects, by name",
  tags: ["projects"],
  querystring: {
    type: "object",
    additionalProperties: false,
    properties: {
      after: { type: "string", maxLength: 63, description: "Name of the last project of the page before." },
      limit: { type: "integer", minimum: 1, maximum: 200, default: 100 },
    },
  },
  response: {
    200: {
      type: "object",
      required: ["projects"],
      properties: { projects: { type: "array", items: PROJECT }, next: { type: "string" } },
    },
  },
} as const;

const ONE = {
  summary: "One project",
  tags: ["projects"],
  params: { type: "object", required: ["name"], properties: { name: { type: "string", maxLength: 63 } } },
  response: { 200: PROJECT },
} as const;

/** Reading what was pushed. */
export function projectRoutes(app: FastifyInstance, deps: ProjectRoutesDeps): void {
  app.get<{ Querystring: { after?: string; limit: number } }>(
    "/api/slipway/v1/projects",
    { schema: LIST, config: { access: "read", tenantFrom: "request" } },
    async ({ query, identity: { tenant } }) => {
      const { after = "", limit } = query;
      const names = await deps.owners.list({ tenant, after, limit: limit + 1 });
      const page = names.slice(0, limit);
      const projects: ProjectView[] = [];
      // A name is given away before its repository is made.
      for (const name of page)
        if (await deps.repositories.exists(name)) projects.push(await describe(deps, name));
      const last = page.at(-1);
      return { projects, ...(names.length > page.length && last !== undefined ? { next: last } : {}) };
    },
  );
  app.get<{ Params: { name: string } }>(
    "/api/slipway/v1/projects/:name",
    { schema: ONE, config: { access: "read", tenantFrom: "request" } },
    async (request) => {
      const { name } = request.params;
      checkRepositoryName(name);
      const isOwn = (await deps.owners.of(name)) === request.identity.tenant;
      if (!isOwn || kindOf(name) === "environment" || !(await deps.repositories.exists(name))) {
        throw new SlipwayError("GIT_REPOSITORY_MISSING", `there is no project ${name}`);
      }
      return describe(deps, name);
    },
  );
}

async function describe(
  { repositories, projectPushes, pipelineRun }: ProjectRoutesDeps,
  name: string,
): Promise<ProjectView> {
  const branch = await repositories.defaultBranch(name);
  const commit = await repositories.resolve(name, branch);
  const [head] =
    commit === null ? [] : await readCommits(repositories.git, repositories.path(name), [commit]);
  const push = await projectPushes.last(name);
  const run = push?.pipelineRunId ? await pipelineRun(push.pipelineRunId) : undefined;
  return {
    name,
    defaultBranch: branch.slice("refs/heads/".length),
    head: head ? { commit: head.commit, author: head.author, at: head.at, message: head.message } : null,
    lastPush: push ? { commit: push.commit, pusher: push.pusher, at: push.at } : null,
    lastPipelineRun: run ?? null,
  };
}
