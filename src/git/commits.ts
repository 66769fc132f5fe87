import type { EnvironmentCommit } from "./environment.ts";
import type { Git } from "./plumbing.ts";

/** Six fields, each ended by NUL: nothing in a commit can contain one. */
const FORMAT = ["%H", "%P", "%an", "%ct", "%B", "%(trailers:only=true,unfold=true)"].join("%x00");
const FIELDS = 6;

export interface RawCommit {
  commit: string;
  parents: string[];
  author: string;
  /** Milliseconds since the epoch. */
  at: number;
  message: string;
  trailers: Record<string, string>;
}

/** The named commits, in the order given. */
export async function readCommits(
  git: Git,
  repository: string,
  commits: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RawCommit[]> {
  if (commits.length === 0) return [];
  const { stdout } = await git.run(
    ["log", "--no-walk=unsorted", "--stdin", "-z", `--format=tformat:${FORMAT}`, "--no-show-signature"],
    { repository, env, input: `${commits.join("\n")}\n` },
  );
  const fields = stdout.toString("utf8").split("\0");
  const found: RawCommit[] = [];
  for (let at = 0; at + FIELDS <= fields.length; at += FIELDS) {
    const [commit = "", parents = "", author = "", time = "", message = "", trailers = ""] = fields.slice(
      at,
      at + FIELDS,
    );
    found.push({
      commit,
      parents: parents === "" ? [] : parents.split(" "),
      author,
      at: Number(time) * 1000,
      message: message.trimEnd(),
      trailers: parseTrailers(trailers),
    });
  }
  return found;
}

/** `Key: value` lines; of a key that stands twice the last one counts. */
function parseTrailers(text: string): Record<string, string> {
  const trailers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) trailers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return trailers;
}

export function environmentCommit(raw: RawCommit, order: number): EnvironmentCommit {
  const { commit, author, at, message, trailers } = raw;
  return { commit, parent: raw.parents[0] ?? null, order, author, at, message, trailers };
}
