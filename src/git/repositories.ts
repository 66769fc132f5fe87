import { appendFile, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import { syncFile, syncFolder } from "./durable.ts";
import { removeStaleLocks, removeStaleQuarantines } from "./leftovers.ts";
import { checkRepositoryName, isRepositoryName, kindOf, type RepositoryKind } from "./names.ts";
import type { Git } from "./plumbing.ts";

export interface RepositoriesDeps {
  /** Folder of all bare repositories, `<data>/git`. */
  root: string;
  git: Git;
  clock: Clock;
  /** Largest pack that one push may send, in bytes. */
  maxPackBytes: number;
}

/** The bare repositories in the data folder. */
export interface Repositories {
  readonly root: string;
  readonly git: Git;
  /** Where Git looks for the hooks of all repositories. */
  readonly hooksFolder: string;
  /** GIT_NAME_INVALID for a name that can't be one; says nothing about existence. */
  path(name: string): string;
  exists(name: string): Promise<boolean>;
  /** Made when missing: a half-made one is never seen. Answers its path. */
  ensure(name: string): Promise<string>;
  /** Names of the projects, sorted. */
  projects(): Promise<string[]>;
  /** The branch that HEAD names, as a full reference; it may not exist yet. */
  defaultBranch(name: string): Promise<string>;
  /** The commit that a reference names, or null. */
  resolve(name: string, ref: string): Promise<string | null>;
  /** Points HEAD to the branch. */
  setDefaultBranch(name: string, ref: string): Promise<void>;
  /** Clears what killed processes left: lock files, half-received packs, half-made repositories. */
  clean(): Promise<void>;
}

const HALF_MADE = ".new-";

/** Makes the folder when it is missing. */
export async function openRepositories(deps: RepositoriesDeps): Promise<Repositories> {
  const { root, git, clock } = deps;
  const hooksFolder = join(root, "hooks");
  await mkdir(hooksFolder, { recursive: true });
  const path = (name: string): string => {
    checkRepositoryName(name);
    return join(root, `${name}.git`);
  };
  const exists = async (name: string): Promise<boolean> =>
    (await stat(join(path(name), "HEAD")).catch(() => undefined)) !== undefined;

  return {
    root,
    git,
    hooksFolder,
    path,
    exists,
    async ensure(name) {
      if (!(await exists(name))) await makeRepository(deps, name, path(name));
      await removeStaleLocks(path(name), clock);
      return path(name);
    },
    async projects() {
      const entries = await readdir(root);
      return entries
        .filter((entry) => entry.endsWith(".git"))
        .map((entry) => entry.slice(0, -".git".length))
        .filter((name) => isRepositoryName(name) && kindOf(name) === "project")
        .sort();
    },
    defaultBranch: (name) => git.text(["symbolic-ref", "HEAD"], { repository: path(name) }),
    async resolve(name, ref) {
      const answer = await git.run(["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], {
        repository: path(name),
        answers: [1],
      });
      return answer.stdout.toString().trim() || null;
    },
    async setDefaultBranch(name, ref) {
      await git.run(["symbolic-ref", "HEAD", ref], { repository: path(name) });
    },
    clean: () => clean(root, clock),
  };
}

async function makeRepository(deps: RepositoriesDeps, name: string, path: string): Promise<void> {
  const { root, git, maxPackBytes } = deps;
  const temporary = await mkdtemp(join(root, HALF_MADE));
  try {
    await git.run(["init", "--bare", "--quiet", "--template=", "--initial-branch=main", temporary]);
    const config = join(temporary, "config");
    // In one go: a process per setting would be most of the time that the first start takes.
    await appendFile(config, renderSettings(repositorySettings(kindOf(name), maxPackBytes)));
    await syncFile(config);
    await syncFolder(temporary);
    await rename(temporary, path);
    await syncFolder(root);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Two first pushes at once: the other one's repository is as good as ours.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOTEMPTY" || code === "EEXIST") return;
    if (code === "ENOSPC") {
      throw new SlipwayError("UNAVAILABLE", "the disk that holds the data folder is full", { cause: error });
    }
    throw error;
  }
}

/** What a repository's own configuration says, so that it also holds for a person who works in the folder. */
function repositorySettings(kind: RepositoryKind, maxPackBytes: number): [string, string][] {
  const oneWay = kind === "environment" ? "true" : "false";
  return [
    ["core.fsync", "all"],
    // Relative to the repository, so that a data folder which was moved keeps its hooks.
    ["core.hooksPath", "../hooks"],
    ["gc.auto", "0"],
    ["http.receivepack", "true"],
    ["receive.denyNonFastForwards", oneWay],
    ["receive.denyDeletes", oneWay],
    ["receive.maxInputSize", String(maxPackBytes)],
    // One pack is flushed once; a hundred loose objects a hundred times.
    ["receive.unpackLimit", "1"],
    ["receive.autogc", "false"],
    ["receive.advertisePushOptions", "false"],
    ["transfer.fsckObjects", "true"],
    ["transfer.hideRefs", "refs/slipway"],
    ["uploadpack.allowAnySHA1InWant", "false"],
  ];
}

/** `section.name` pairs as a configuration file has them; a section may stand there more than once. */
function renderSettings(settings: readonly (readonly [string, string])[]): string {
  const lines = settings.map(([key, value]) => {
    const [section, name] = key.split(".");
    return `[${section}]\n\t${name} = ${value}\n`;
  });
  return lines.join("");
}

async function clean(root: string, clock: Clock): Promise<void> {
  for (const entry of await readdir(root)) {
    if (entry.startsWith(HALF_MADE)) await rm(join(root, entry), { recursive: true, force: true });
    if (!entry.endsWith(".git")) continue;
    await removeStaleLocks(join(root, entry), clock);
    await removeStaleQuarantines(join(root, entry), clock);
  }
}
