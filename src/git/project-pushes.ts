import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { Database } from "../store/database.ts";
import { lastPush, pushesToStart, recordPush, startedPush, type ProjectPush } from "./commands.ts";
import type { Repositories } from "./repositories.ts";

export interface ProjectPushesDeps {
  database: Database;
  repositories: Repositories;
  clock: Clock;
  ids: Ids;
  /** Starts the pipeline run of a push and answers its id. Durable, and idempotent by the push's id. */
  onProjectPush: (push: ProjectPush) => Promise<string>;
  /** A push whose pipeline run couldn't be started; it is tried again at the next reconcile. */
  logDefect: (error: unknown, where: string) => void;
}

/** Turns moves of projects' default branches into pipeline runs: each into one, also across a kill -9. */
export interface ProjectPushes {
  /** Durable when it resolves; a repeat answers the same push. */
  accept(move: {
    project: string;
    ref: string;
    commit: string;
    previous: string;
    pusher: string;
  }): Promise<ProjectPush & { pipelineRunId: string }>;
  /**
   * Starts what a kill kept from being started: recorded pushes without a pipeline run, and branches that
   * moved without being recorded. Call it once the hooks socket listens. Answers how many it started.
   */
  reconcile(): Promise<number>;
  last(project: string): Promise<ProjectPush | undefined>;
}

/** Of one reconcile. */
const BATCH = 1000;

export function createProjectPushes(deps: ProjectPushesDeps): ProjectPushes {
  const { database, repositories, clock, ids } = deps;

  async function start(push: ProjectPush): Promise<ProjectPush & { pipelineRunId: string }> {
    if (push.pipelineRunId !== null) return { ...push, pipelineRunId: push.pipelineRunId };
    const pipelineRunId = await deps.onProjectPush(push);
    await database.write(startedPush, { id: push.id, pipelineRunId });
    return { ...push, pipelineRunId };
  }

  async function tryStart(push: ProjectPush): Promise<number> {
    try {
      await start(push);
      return 1;
    } catch (error) {
      deps.logDefect(error, `starting the pipeline run of ${push.project} at ${push.commit}`);
      return 0;
    }
  }

  /** The project's branch as a push, when it stands where no push has led it. */
  async function unrecorded(project: string): Promise<ProjectPush | undefined> {
    const ref = await repositories.defaultBranch(project);
    const commit = await repositories.resolve(project, ref);
    if (commit === null) return undefined;
    const last = await database.read((tx) => lastPush(tx, project));
    if (last?.ref === ref && last.commit === commit) return undefined;
    return database.write(recordPush, {
      id: ids.sortable("push"),
      project,
      ref,
      commit,
      previous: last?.ref === ref ? last.commit : "0".repeat(commit.length),
      pusher: "unknown",
      at: clock.now(),
    });
  }

  return {
    accept: async (move) =>
      start(await database.write(recordPush, { ...move, id: ids.sortable("push"), at: clock.now() })),
    async reconcile() {
      let started = 0;
      for (const push of await database.read((tx) => pushesToStart(tx, BATCH))) {
        started += await tryStart(push);
      }
      for (const project of await repositories.projects()) {
        const push = await unrecorded(project).catch((error: unknown) => {
          // One damaged repository must not keep the others from going on.
          deps.logDefect(error, `reading the branch of ${project}`);
          return undefined;
        });
        if (push?.pipelineRunId === null) started += await tryStart(push);
      }
      return started;
    },
    last: (project) => database.read((tx) => lastPush(tx, project)),
  };
}
