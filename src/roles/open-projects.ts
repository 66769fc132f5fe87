import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import { openEnvironmentRepository } from "../git/environment-repository.ts";
import { writeHookScripts } from "../git/hook-scripts.ts";
import { ENVIRONMENT } from "../git/names.ts";
import { openGit } from "../git/plumbing.ts";
import { openRepositories, type Repositories } from "../git/repositories.ts";
import { GIT_LIMITS } from "../git/smart-http.ts";
import type { PlatformConfig } from "./config.ts";
import { openMirror } from "./open-git-mirror.ts";

interface Projects {
  repositories: Repositories;
  environment: ReturnType<typeof openEnvironmentRepository>;
  mirror: Awaited<ReturnType<typeof openMirror>>;
}

interface ProjectsDeps {
  clock: Clock;
  ids: Ids;
  /** undefined: there is no mirror, or it is another platform's. */
  mirrorPlace: Parameters<typeof openMirror>[0];
  /** Id of this platform. */
  platform: string;
  /** Of the one that leads, in a cluster. */
  epoch: Parameters<typeof openMirror>[1]["epoch"];
  /** Where Git's hooks ask this process. */
  hooksSocket: string;
  logDefect: (error: unknown, where?: string) => void;
}

/** The projects' repositories and the environment's, as their mirror has them where there is one. */
export async function openProjects(
  { dataDir, stepEnv, mainFile }: PlatformConfig,
  { clock, ids, mirrorPlace, platform, epoch, hooksSocket, logDefect }: ProjectsDeps,
): Promise<Projects> {
  const git = await openGit({ path: stepEnv["PATH"] ?? "" });
  const { maxPackBytes } = GIT_LIMITS;
  const repositories = await openRepositories({ root: join(dataDir, "git"), git, clock, maxPackBytes });
  await repositories.clean();
  const mirror = await openMirror(mirrorPlace, { repositories, platform, epoch, clock, ids, logDefect });
  const path = await repositories.ensure(ENVIRONMENT);
  const environment = openEnvironmentRepository({ path, git, clock, mirror });
  await writeHookScripts({
    folder: repositories.hooksFolder,
    nodeFile: process.execPath,
    mainFile,
    socketPath: hooksSocket,
  });
  return { repositories, environment, mirror };
}
