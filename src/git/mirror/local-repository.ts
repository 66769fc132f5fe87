import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SlipwayError } from "../../http/errors.ts";
import type { Git } from "../plumbing.ts";

/** None of our own hooks is to be asked when references follow the mirror. */
const NO_HOOKS = ["-c", "core.hooksPath=/dev/null"];

/** Those of the objects that are in the repository, in the order given. */
export async function presentIn(git: Git, repository: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const listed = await git.text(["cat-file", "--batch-check=%(objectname)"], {
    repository,
    input: `${ids.join("\n")}\n`,
  });
  const missing = new Set(
    listed
      .split("\n")
      .flatMap((line) => (line.endsWith(" missing") ? [line.slice(0, -" missing".length)] : [])),
  );
  return ids.filter((id) => !missing.has(id));
}

/** Those of the objects that none of the others leads to; each that is no commit counts as one. All must be there. */
export async function unreachable(
  git: Git,
  repository: string,
  ids: readonly string[],
  from: readonly string[],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const maxBytes = 256 * 1024 * 1024;
  const [types, commits] = await Promise.all([
    git.text(["cat-file", "--batch-check=%(objecttype)"], { repository, input: `${ids.join("\n")}\n` }),
    git.text(["rev-list", "--stdin"], {
      repository,
      input: `${[...ids, ...new Set(from.map((id) => `^${id}`))].join("\n")}\n`,
      timeoutMs: CHECK_MS,
      maxBytes,
    }),
  ]);
  const isCommit = types.split("\n").map((type) => type === "commit");
  const left = new Set(commits.split("\n"));
  return ids.filter((id, index) => !isCommit[index] || left.has(id));
}

/** The branch that HEAD names, in full. Read from its own file, as it is asked for with every update. */
export async function headOf(repository: string): Promise<string> {
  const [, branch] =
    /^ref: (refs\/heads\/\S+)\n?$/.exec(await readFile(join(repository, "HEAD"), "utf8")) ?? [];
  if (branch !== undefined) return branch;
  throw new SlipwayError("GIT_FAILED", "HEAD names no branch", { where: repository });
}

/** Object ids by full names of references. */
export async function referencesOf(git: Git, repository: string): Promise<Record<string, string>> {
  const listed = await git.text(["for-each-ref", "--format=%(objectname) %(refname)"], {
    repository,
    maxBytes: 64 * 1024 * 1024,
  });
  const lines = listed === "" ? [] : listed.split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [id = "", ref = ""] = line.split(" ", 2);
      return [ref, id];
    }),
  );
}

/** Makes the references exactly these. What they name must be there with all that it reaches. */
export async function setReferences(
  git: Git,
  repository: string,
  { refs, head }: { refs: Readonly<Record<string, string>>; head: string },
): Promise<void> {
  const present = await referencesOf(git, repository);
  const gone = Object.keys(present).filter((ref) => refs[ref] === undefined);
  const changed = Object.entries(refs).filter(([ref, id]) => present[ref] !== id);
  // One after the other: a branch may have become the folder of others.
  const removal = gone.map((ref) => `delete ${ref}\n`).join("");
  const update = changed.map(([ref, id]) => `update ${ref} ${id}\n`).join("");
  for (const input of [removal, update]) {
    if (input === "") continue;
    await git.run([...NO_HOOKS, "update-ref", "--no-deref", "--stdin"], { repository, input });
  }
  await git.run([...NO_HOOKS, "symbolic-ref", "HEAD", head], { repository });
}

/** GIT_FAILED unless all that the ids reach beyond the present references is there, down to the last file. */
export async function checkConnected(git: Git, repository: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await git.run(["rev-list", "--objects", "--quiet", "--stdin", "--not", "--all"], {
    repository,
    input: `${[...new Set(ids)].join("\n")}\n`,
    timeoutMs: CHECK_MS,
  });
}

/** A history of gigabytes is walked in minutes. */
const CHECK_MS = 15 * 60_000;

/** Whether the first commit is the second one or comes before it. */
export async function isBehind(
  git: Git,
  repository: string,
  first: string,
  second: string,
): Promise<boolean> {
  if (first === second) return true;
  const { exitCode } = await git.run(["merge-base", "--is-ancestor", first, second], {
    repository,
    // 128: one of both isn't there, or is no commit.
    answers: [1, 128],
  });
  return exitCode === 0;
}
