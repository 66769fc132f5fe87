import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { SlipwayError } from "../http/errors.ts";
import type { HookRequest, RefUpdate } from "./hook-protocol.ts";
import { isRepositoryName } from "./names.ts";
import type { Push } from "./pushes.ts";
import type { PushedObjects } from "./refusal.ts";
import type { Repositories } from "./repositories.ts";

/** Lines for the pusher as they come, then the hook's exit code. */
export type Conversation = AsyncGenerator<string, number>;

/** A hook's report about a repository that is known to be ours. */
export interface Report {
  name: string;
  updates: readonly RefUpdate[];
  objects: PushedObjects;
  push: Push | undefined;
  /** Aborted when the hook or the pusher has gone. */
  signal: AbortSignal;
}

/** Believes a hook only what it can check: the path must be one of our repositories. */
export async function readReport(
  repositories: Repositories,
  body: HookRequest,
  push: Push | undefined,
  signal: AbortSignal,
): Promise<Report> {
  const folder = basename(body.repository);
  const name = folder.endsWith(".git") ? folder.slice(0, -".git".length) : "";
  if (!isRepositoryName(name) || !(await sameFolder(repositories.path(name), body.repository))) {
    throw new SlipwayError("NOT_FOUND", `${body.repository} is no repository of this platform`);
  }
  const repository = repositories.path(name);
  const objects = join(repository, "objects");
  const quarantine = body.quarantine === undefined ? undefined : basename(body.quarantine);
  const env: Record<string, string> =
    quarantine !== undefined && /^(?:tmp_objdir-|incoming-)[\w-]+$/.test(quarantine)
      ? {
          GIT_OBJECT_DIRECTORY: join(objects, quarantine),
          GIT_ALTERNATE_OBJECT_DIRECTORIES: quotePath(objects),
        }
      : {};
  return { name, updates: body.updates, objects: { repository, env }, push, signal };
}

/** The variable is a list parted by colons; a path that holds one is written in quotes. */
function quotePath(path: string): string {
  return /[:"\\\n]/.test(path) ? JSON.stringify(path) : path;
}

async function sameFolder(ours: string, theirs: string): Promise<boolean> {
  try {
    return (await realpath(ours)) === (await realpath(theirs));
  } catch {
    return false;
  }
}
