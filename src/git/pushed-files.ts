import { SlipwayError } from "../http/errors.ts";
import { printable } from "../spec/issue.ts";
import type { Git } from "./plumbing.ts";
import { refuse, type PushedObjects, type Refusal } from "./refusal.ts";

/** Offenders that are named. */
const NAMED = 20;

/**
 * Refuses a push that brings a file over the limit, anywhere in its commits: Git keeps it for ever, even when
 * a later commit of the same push removes it. Looks at new objects only.
 */
export async function refuseLargeFiles(
  git: Git,
  pushed: PushedObjects,
  commits: readonly string[],
  maxFileBytes: number,
): Promise<Refusal | undefined> {
  if (commits.length === 0) return undefined;
  const { repository, env } = pushed;
  const call = { repository, env, maxBytes: 64 * 1024 * 1024, timeoutMs: 10 * 60_000 };
  const listed = await git.run(["rev-list", "--objects", "--stdin", "--not", "--all"], {
    ...call,
    input: `${commits.join("\n")}\n`,
  });
  const sized = await git.text(["cat-file", "--batch-check=%(objecttype) %(objectsize) %(rest)"], {
    ...call,
    input: new Uint8Array(listed.stdout),
  });
  const large: { size: number; path: string }[] = [];
  for (const line of sized.split("\n")) {
    const [type, bytes, ...rest] = line.split(" ");
    if (type === "missing") throw new SlipwayError("GIT_FAILED", "a pushed object is missing");
    if (type === "blob" && Number(bytes) > maxFileBytes)
      large.push({ size: Number(bytes), path: rest.join(" ") });
  }
  if (large.length === 0) return undefined;
  large.sort((a, b) => b.size - a.size);
  const more = large.length > NAMED ? [`… and ${large.length - NAMED} more`] : [];
  return refuse(
    `files over ${mebibytes(maxFileBytes)} can't be pushed:`,
    ...large.slice(0, NAMED).map(({ size, path }) => `  ${printable(path)}  ${mebibytes(size)}`),
    ...more,
    "",
    "Take them out of every commit of this push (git rebase -i, or git commit --amend for the last one)",
    "and load them in a step instead, or start the platform with a larger `slipway up --max-file`.",
  );
}

function mebibytes(bytes: number): string {
  return `${Number((bytes / 1024 / 1024).toFixed(2))} MiB`;
}
