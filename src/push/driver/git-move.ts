import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { SlipwayError } from "../../http/errors.ts";
import { headersOf, type Side } from "./peer.ts";

export interface GitMoveDeps {
  /** Of the person who pushes: git takes proxies and certificates from there. */
  env: Readonly<Record<string, string | undefined>>;
  /** Folder for what is on its way. */
  temporary: string;
  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void>;
}

/** A branch or a tag that the target lacks, or has at another commit. */
export interface RefMove {
  /** Full, such as `refs/heads/main`. */
  ref: string;
  commit: string;
  /** Null: it isn't there. */
  from: string | null;
  /** Why it can't be moved; it may where this is missing. */
  conflict?: string;
}

/** Set for every call. A push may be made from within a hook, which names a repository of its own. */
const OURS = {
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
};
/** What git says of a server that isn't there, or is there no longer. */
const LOST =
  /Failed to connect|Could(?:n't| not) connect|Recv failure|Send failure|Connection (?:reset|refused)|Empty reply|hung up|early EOF|unexpected disconnect|HTTP 50[234]|error: 50[234]/i;
const REF_LINES = "--format=%(objectname) %(refname)";
const ATTEMPTS = 7;
const FIRST_WAIT_MS = 500;
/** Longest that one transfer may take. */
const TRANSFER_MS = 30 * 60_000;
const MOST_OUTPUT = 64 * 1024;

/** A project's history on its way from one platform to another, in a bare repository that is removed at the end. */
export class GitMove {
  readonly #deps: GitMoveDeps;
  readonly #folder: string;
  readonly #project: string;

  private constructor(deps: GitMoveDeps, folder: string, project: string) {
    this.#deps = deps;
    this.#folder = folder;
    this.#project = project;
  }

  /** Fetches all branches and tags of the project. */
  static async fetch(deps: GitMoveDeps, source: Side, project: string): Promise<GitMove> {
    const folder = await mkdtemp(join(deps.temporary, "slipway-push-"));
    const move = new GitMove(deps, folder, project);
    try {
      await move.#git(["init", "--quiet", "--bare", "--template="]);
      const refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
      await move.#git(["fetch", "--quiet", "--no-auto-gc", addressOf(source, project), ...refs], source);
      return move;
    } catch (error) {
      await move.remove();
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The commit of a branch or tag that was fetched; undefined: there is none. */
  async commitOf(ref: string): Promise<string | undefined> {
    return readRefs(await this.#git(["for-each-ref", REF_LINES, ref])).get(ref);
  }

  /** What has to be moved on the target. `isThere`: it has the project; else nothing is asked. */
  async plan(target: Side, isThere: boolean): Promise<RefMove[]> {
    const there = isThere
      ? readRefs(await this.#git(["ls-remote", addressOf(target, this.#project)], target))
      : new Map<string, string>();
    const here = readRefs(await this.#git(["for-each-ref", REF_LINES, "refs/heads", "refs/tags"]));
    const moves: RefMove[] = [];
    for (const [ref, commit] of here) {
      const from = there.get(ref) ?? null;
      if (from === commit) continue;
      const conflict = from === null ? undefined : await this.#conflictOf(ref, from, commit);
      moves.push({ ref, commit, from, ...(conflict === undefined ? {} : { conflict }) });
    }
    return moves;
  }

  /** Pushes these; PUSH_GIT_REFUSED with the target's words. */
  async push(target: Side, moves: readonly RefMove[]): Promise<void> {
    if (moves.length === 0) return;
    const refs = moves.map(({ ref, commit }) => `${commit}:${ref}`);
    try {
      await this.#git(["push", "--quiet", "--atomic", addressOf(target, this.#project), ...refs], target);
    } catch (error) {
      if (!(error instanceof GitEnded)) throw error;
      throw new SlipwayError("PUSH_GIT_REFUSED", `the platform didn't take the commits of ${this.#project}`, {
        given: error.said,
      });
    }
  }

  async #conflictOf(ref: string, from: string, commit: string): Promise<string | undefined> {
    const name = ref.replace(/^refs\/(?:heads|tags)\//, "");
    if (ref.startsWith("refs/tags/")) return `the tag ${name} is another commit there`;
    try {
      await this.#git(["merge-base", "--is-ancestor", from, commit]);
      return undefined;
    } catch (error) {
      if (!(error instanceof GitEnded)) throw error;
      return `the branch ${name} has commits there that aren't here`;
    }
  }

  /**
   * Runs git to its end in the repository, with the headers of the side that it talks to; answers its output. A lost
   * connection is tried again: every one of these calls may be repeated.
   */
  async #git(args: readonly string[], side?: Side): Promise<string> {
    const env = { ...this.#deps.env, ...(side === undefined ? {} : this.#settings(side)) };
    for (let attempt = 1; ; attempt++) {
      const { code, out, said } = await run(args, { ...env, ...OURS, GIT_DIR: this.#folder });
      if (code === 0) return out;
      if (side === undefined) throw new GitEnded(said);
      if (LOST.test(said)) {
        if (attempt >= ATTEMPTS)
          throw new SlipwayError("PLATFORM_UNREACHABLE", `no platform answers at ${side.url}`, {
            given: said,
            hint: "See that the platform runs, and run the same command again: it goes on where it ended.",
          });
        await this.#deps.sleep(FIRST_WAIT_MS * 2 ** (attempt - 1));
        continue;
      }
      if (args[0] === "push") throw new GitEnded(said);
      throw new SlipwayError("GIT_FAILED", `git ${args[0] ?? ""} of ${side.url} failed`, {
        given: said,
        hint: "Check that you may read the project there, and that a token with scopes has git among them.",
      });
    }
  }

  /** Settings by the environment: a token belongs on no command line and in no file. */
  #settings(side: Side): Record<string, string> {
    const given = Number(this.#deps.env["GIT_CONFIG_COUNT"] ?? 0) || 0;
    const settings: [string, string][] = [
      ["http.followRedirects", "false"],
      ["credential.helper", ""],
      ...Object.entries(headersOf(side)).map(([name, value]): [string, string] => [
        "http.extraHeader",
        `${name}: ${value}`,
      ]),
    ];
    const env: Record<string, string> = { GIT_CONFIG_COUNT: String(given + settings.length) };
    for (const [at, [key, value]] of settings.entries()) {
      env[`GIT_CONFIG_KEY_${given + at}`] = key;
      env[`GIT_CONFIG_VALUE_${given + at}`] = value;
    }
    return env;
  }
}

/** git ended with another exit code than 0. */
class GitEnded extends Error {
  readonly said: string;

  constructor(said: string) {
    super(`git failed: ${said}`);
    this.name = "GitEnded";
    this.said = said;
  }
}

function addressOf(side: Side, project: string): string {
  return `${side.url}/git/${project}.git`;
}

/** Lines of `<commit> <ref>`; what a tag points to (`^{}`) and HEAD are left out. */
function readRefs(text: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, commit, ref] = /^([0-9a-f]{40,64})\s+(refs\/(?:heads|tags)\/.+)$/.exec(line) ?? [];
    if (commit !== undefined && ref !== undefined && !ref.endsWith("^{}")) refs.set(ref, commit);
  }
  return refs;
}

function run(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ code: number | null; out: string; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: TRANSFER_MS });
    let [out, said] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-MOST_OUTPUT)));
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new SlipwayError("GIT_MISSING", "git isn't installed or not on PATH")
          : error,
      ),
    );
    child.on("close", (code) => resolve({ code, out, said: said.trim().slice(-2000) }));
  });
}
