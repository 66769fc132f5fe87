import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, type Clock } from "../../../src/base/clock.ts";
import { systemIds } from "../../../src/base/ids.ts";
import type { MirrorPlace } from "../../../src/git/mirror/deps.ts";
import { claimIdentity } from "../../../src/git/mirror/identity.ts";
import { openGitMirror, type GitMirror } from "../../../src/git/mirror/mirror.ts";
import type { Repositories } from "../../../src/git/repositories.ts";
import { createFolderBlobs } from "../../../src/store/folder-blobs.ts";
import { createFolderConditionalFiles } from "../../../src/store/folder-conditional-files.ts";
import { openTestRepositories } from "../helpers.ts";

export const spec = (name: string): string =>
  `apiVersion: slipway/v1\nkind: Project\nname: ${name}\npipeline:\n  steps:\n    - { name: train, run: echo trained }\n`;

export function folderPlace(root: string): MirrorPlace {
  return { blobs: createFolderBlobs(root), files: createFolderConditionalFiles(root) };
}

/** A mirror of the repositories as control opens it, in a term of its own. */
export async function openMirror(
  place: MirrorPlace,
  repositories: Repositories,
  given: { log?: (error: unknown, where: string) => void; platform?: string; clock?: Clock } = {},
): Promise<GitMirror> {
  const ids = systemIds(Date.now);
  const { platform = "one", log = () => {}, clock = systemClock } = given;
  const identity = await claimIdentity(place.files, { ids, platform, epoch: undefined });
  const { epoch } = identity;
  return openGitMirror({ ...place, repositories, clock, ids, epoch: () => epoch, log }, identity);
}

/** An empty volume's repositories. */
export async function emptyVolume(folder: string): Promise<Repositories> {
  const { repositories } = await openTestRepositories(await mkdtemp(join(folder, "volume-")));
  return repositories;
}

/** What `git for-each-ref` says, with HEAD. */
export async function referencesIn(repositories: Repositories, name: string): Promise<string> {
  const listed = await repositories.git.text(["for-each-ref", "--format=%(refname) %(objectname)"], {
    repository: repositories.path(name),
  });
  return `HEAD ${await repositories.defaultBranch(name)}\n${listed}`;
}
