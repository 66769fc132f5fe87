import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { gitMigrations, type ProjectPush } from "../../src/git/commands.ts";
import { openEnvironmentRepository, type PushedEnvironment } from "../../src/git/environment-repository.ts";
import { hookRoutes } from "../../src/git/hook-routes.ts";
import { writeHookScripts } from "../../src/git/hook-scripts.ts";
import type { PreReceiveDeps } from "../../src/git/pre-receive.ts";
import { createProjectOwners } from "../../src/git/project-owners.ts";
import { createProjectPushes, type ProjectPushes } from "../../src/git/project-pushes.ts";
import { projectRoutes } from "../../src/git/project-routes.ts";
import type { PushMirror } from "../../src/git/push-mirror.ts";
import { Pushes } from "../../src/git/pushes.ts";
import type { Repositories } from "../../src/git/repositories.ts";
import { GIT_LIMITS, gitRoutes, type GitLimits } from "../../src/git/smart-http.ts";
import { createApp } from "../../src/http/server.ts";
import type { Project } from "../../src/spec/project.ts";
import { bundleFixture, MEBIBYTE, openTestRepositories, temporaryFolder } from "./helpers.ts";
import { memoryDatabase } from "./memory-database.ts";

/** What becomes of pushes, in the hands of a test. */
interface Story {
  onProjectPush: (push: ProjectPush) => Promise<string>;
  followPush: (pipelineRunId: string, signal: AbortSignal) => AsyncIterable<string>;
  versionExists: (model: string, version: number) => Promise<boolean>;
  advise: (spec: Project) => Promise<string[]>;
  limits: NonNullable<PreReceiveDeps["limits"]>;
}

export interface GitPlatform {
  url: string;
  folder: string;
  repositories: Repositories;
  environment: PushedEnvironment;
  projectPushes: ProjectPushes;
  started: ProjectPush[];
  defects: unknown[];
  story: Story;
  app: FastifyInstance;
  hooks: FastifyInstance;
  close(): Promise<void>;
}

/** Everything of src/git against real Git, real sockets and a database in memory. */
export async function openGitPlatform(
  limits: Partial<GitLimits> & { maxFileBytes?: number } = {},
  openMirror: (repositories: Repositories) => Promise<PushMirror | undefined> = async () => undefined,
): Promise<GitPlatform> {
  const folder = await temporaryFolder();
  const { repositories, git } = await openTestRepositories(join(folder.path, "git"));
  const mirror = await openMirror(repositories);
  const environment = openEnvironmentRepository({
    path: await repositories.ensure("environment"),
    git,
    clock: systemClock,
    mirror,
  });
  const database = memoryDatabase(gitMigrations);
  const started: ProjectPush[] = [];
  const defects: unknown[] = [];
  const story: Story = {
    onProjectPush: async (push) => `pr-${push.id}`,
    // oxlint-disable-next-line require-yield
    followPush: async function* () {},
    versionExists: async () => true,
    advise: async () => [],
    limits: () => [],
  };
  const owners = createProjectOwners(database);
  const services = new Map<string, string>();
  const pushes = new Pushes();
  const ids = systemIds(Date.now);
  const logDefect = (error: unknown): void => void defects.push(error);
  const projectPushes = createProjectPushes({
    database,
    repositories,
    clock: systemClock,
    ids,
    logDefect,
    onProjectPush: (push) => {
      started.push(push);
      return story.onProjectPush(push);
    },
  });
  const socketPath = join(folder.path, "hooks.sock");
  await writeHookScripts({
    folder: repositories.hooksFolder,
    nodeFile: process.execPath,
    mainFile: await bundleFixture("hook-main", folder.path),
    socketPath,
  });
  const hooks = Fastify({ forceCloseConnections: true });
  hookRoutes(hooks, {
    repositories,
    pushes,
    projectPushes,
    owners,
    serviceOwners: {
      of: async (service) => services.get(service),
      async claim(service, tenant) {
        if (!services.has(service)) services.set(service, tenant);
        return services.get(service) === tenant;
      },
    },
    environment,
    maxFileBytes: limits.maxFileBytes ?? 2 * MEBIBYTE,
    versionExists: (model, version) => story.versionExists(model, version),
    followPush: (id, signal) => story.followPush(id, signal),
    advise: (spec) => story.advise(spec),
    limits: (spec) => story.limits(spec),
    mirror,
    logDefect,
  });
  await hooks.listen({ path: socketPath });
  const app = await createApp({ guard: () => null, logDefect, version: "0.0.0" });
  gitRoutes(app, {
    repositories,
    owners,
    pushes,
    clock: systemClock,
    ids,
    limits: { ...GIT_LIMITS, ...limits },
    pusher: () => "ada",
    logDefect,
  });
  projectRoutes(app, {
    repositories,
    projectPushes,
    owners,
    pipelineRun: async (id) => ({ id, state: "running" }),
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    url: `${url}/git`,
    folder: folder.path,
    repositories,
    environment,
    projectPushes,
    started,
    defects,
    story,
    app,
    hooks,
    async close() {
      await app.close();
      await hooks.close();
      await database.close();
      await folder.remove();
    },
  };
}
