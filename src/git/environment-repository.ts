import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import { environmentCommit, readCommits } from "./commits.ts";
import { syncFile, syncFolder } from "./durable.ts";
import type { EnvironmentCommit, EnvironmentRepository, ServiceState } from "./environment.ts";
import { removeStaleLocks } from "./leftovers.ts";
import { moveReference } from "./move-reference.ts";
import { ENVIRONMENT, MAIN } from "./names.ts";
import type { Git } from "./plumbing.ts";
import type { PushMirror } from "./push-mirror.ts";
import { readServices } from "./service-tree.ts";
import { encodeTree, type TreeEntry } from "./tree.ts";
import { renderServiceFile, serviceFilePath, serviceOfPath, SERVICES } from "./service-file.ts";

export interface EnvironmentRepositoryDeps {
  /** The bare repository; it exists (Repositories.ensure). */
  path: string;
  git: Git;
  clock: Clock;
  /** Absent: there is no mirror. */
  mirror?: PushMirror | undefined;
}

/** What the hook of the environment repository tells it. */
export interface PushedEnvironment extends EnvironmentRepository {
  /** A person's push was accepted: calls the listeners. */
  pushed(): void;
}

interface Tree {
  id: string;
  /** Entries beside the folder of services. */
  others: readonly TreeEntry[];
  services: readonly TreeEntry[];
}

type Change = Parameters<EnvironmentRepository["commit"]>[0];

/** Commits never change, so what was read of one may be kept; this many of them. */
const KEPT_COMMITS = 512;

/** The environment repository by plumbing in a bare repository: no working copy, no checkout, no merge. */
export function openEnvironmentRepository(deps: EnvironmentRepositoryDeps): PushedEnvironment {
  return new BareEnvironment(deps);
}

class BareEnvironment implements PushedEnvironment {
  readonly #git: Git;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #mirror: PushMirror | undefined;
  readonly #commits = new Map<string, EnvironmentCommit>();
  readonly #services = new Map<string, Map<string, ServiceState>>();
  readonly #listeners: (() => void)[] = [];
  /** What the last commit of our own holds: most often the next one's parent. */
  #newest: (Tree & { commit: string }) | undefined;
  /** Our own commits go one after the other; people's pushes meet them at the compare-and-swap. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ path, git, clock, mirror }: EnvironmentRepositoryDeps) {
    this.#mirror = mirror;
    this.#path = path;
    this.#git = git;
    this.#clock = clock;
  }

  async head(): Promise<EnvironmentCommit | null> {
    const id = await this.#headId();
    return id === null ? null : this.#describe(id);
  }

  async read(commit: string): Promise<Map<string, ServiceState>> {
    let services = this.#services.get(commit);
    if (!services) {
      services = await readServices(this.#git, this.#path, commit);
      keep(this.#services, commit, services);
    }
    return new Map([...services].map(([name, state]) => [name, { ...state }]));
  }

  commit(change: Change): Promise<{ commit: EnvironmentCommit } | { conflict: string | null }> {
    const turn = this.#last.then(() => this.#commit(change));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async history(range: { since: string | null; until: string; limit: number }): Promise<EnvironmentCommit[]> {
    const exclude = range.since === null ? [] : [`^${range.since}`];
    const listed = await this.#text(["rev-list", "--reverse", "--topo-order", range.until, ...exclude, "--"]);
    const ids = listed === "" ? [] : listed.split("\n").slice(0, range.limit);
    const raws = await readCommits(this.#git, this.#path, ids);
    const found: EnvironmentCommit[] = [];
    for (const raw of raws) {
      const known = this.#commits.get(raw.commit);
      const commit = known ?? environmentCommit(raw, await this.#order(raw.commit, raw.parents));
      keep(this.#commits, commit.commit, commit);
      found.push(commit);
    }
    return found;
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    const { exitCode } = await this.#git.run(["merge-base", "--is-ancestor", ancestor, descendant], {
      repository: this.#path,
      // 128: one of both is not in the repository, so it is nobody's ancestor here.
      answers: [1, 128],
    });
    return exitCode === 0;
  }

  onPush(listener: () => void): void {
    this.#listeners.push(listener);
  }

  pushed(): void {
    for (const listener of this.#listeners) listener();
  }

  async #commit(change: Change): Promise<{ commit: EnvironmentCommit } | { conflict: string | null }> {
    checkChange(change);
    const found = await this.#headId();
    if (found !== change.parent) return { conflict: found };
    const written: string[] = [];
    const tree = await this.#tree(change, written);
    const id = await this.#commitTree(change, tree.id);
    written.push(id);
    await this.#syncObjects(written);
    const moved = await this.#move(id, change.parent);
    if (moved !== true) return moved;
    await this.#syncBranch();
    this.#newest = { ...tree, commit: id };
    return { commit: await this.#describe(id) };
  }

  /** The parent's tree with one file replaced or removed. Adds what it wrote to `written`. */
  async #tree(change: Change, written: string[]): Promise<Tree> {
    const { others, services } = await this.#treeOf(change.parent);
    const file = serviceFilePath(change.service).slice(SERVICES.length + 1);
    const kept = services.filter((entry) => entry.path !== file);
    if (change.state !== null) {
      const blob = await this.#text(["hash-object", "-w", "--stdin"], renderServiceFile(change.state));
      written.push(blob);
      kept.push({ mode: "100644", object: blob, path: file });
    }
    const root = [...others];
    if (kept.length > 0) {
      const object = await this.#makeTree(kept);
      written.push(object);
      root.push({ mode: "040000", object, path: SERVICES });
    }
    const id = await this.#makeTree(root);
    written.push(id);
    return { id, others, services: kept };
  }

  async #treeOf(commit: string | null): Promise<Omit<Tree, "id">> {
    if (commit === null) return { others: [], services: [] };
    if (this.#newest?.commit === commit) return this.#newest;
    const root = await this.#entries(commit);
    const folder = root.find((entry) => entry.path === SERVICES);
    return {
      others: root.filter((entry) => entry.path !== SERVICES),
      services: folder ? await this.#entries(folder.object) : [],
    };
  }

  async #entries(tree: string): Promise<TreeEntry[]> {
    const listed = await this.#text(["ls-tree", "-z", tree]);
    return listed
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => {
        const tab = line.indexOf("\t");
        const [mode = "", , object = ""] = line.slice(0, tab).split(" ");
        return { mode, object, path: line.slice(tab + 1) };
      });
  }

  /** Not by `git mktree`, which doesn't read `core.fsync` and so flushes nothing. */
  #makeTree(entries: readonly TreeEntry[]): Promise<string> {
    return this.#text(["hash-object", "-t", "tree", "-w", "--stdin"], encodeTree(entries));
  }

  #commitTree(change: Change, tree: string): Promise<string> {
    const when = `@${Math.floor(this.#clock.now() / 1000)} +0000`;
    const parents = change.parent === null ? [] : ["-p", change.parent];
    return this.#git.text(["commit-tree", tree, ...parents], {
      repository: this.#path,
      input: commitMessage(change),
      env: { GIT_AUTHOR_DATE: when, GIT_COMMITTER_DATE: when },
    });
  }

  /** Compare-and-swap of the branch; an answer other than true says whose commit is there instead. */
  async #move(id: string, parent: string | null): Promise<true | { conflict: string | null }> {
    await removeStaleLocks(this.#path, this.#clock);
    const move = { name: ENVIRONMENT, path: this.#path, ref: MAIN, commit: id, previous: parent };
    try {
      await moveReference({ git: this.#git, mirror: this.#mirror }, move);
      return true;
    } catch (error) {
      const found = await this.#headId();
      // A call that was ended after it moved the branch has moved it all the same.
      if (found === id) return true;
      if (found !== parent) return { conflict: found };
      throw error;
    }
  }

  /** Git flushes the content of new objects; their names are flushed here. */
  async #syncObjects(ids: readonly string[]): Promise<void> {
    const objects = join(this.#path, "objects");
    const folders = new Set(ids.map((id) => join(objects, id.slice(0, 2))));
    for (const folder of [...folders, objects]) {
      await syncFolder(folder).catch((error: NodeJS.ErrnoException) => {
        // An object that was there before, in a pack, has no folder of its own.
        if (error.code !== "ENOENT") throw error;
      });
    }
  }

  /** Git flushes a reference from 2.36 on, and never the name of its file. */
  async #syncBranch(): Promise<void> {
    const branch = join(this.#path, MAIN);
    await syncFile(branch).catch((error: NodeJS.ErrnoException) => {
      // A person's push may just have packed it or moved it on, both flushed by Git.
      if (error.code !== "ENOENT") throw error;
    });
    await syncFolder(dirname(branch));
  }

  /** Reads the branch's own file, as it is asked for often; Git answers when the branch is packed or isn't there. */
  async #headId(): Promise<string | null> {
    const loose = await readFile(join(this.#path, MAIN), "latin1").catch(() => "");
    if (/^[0-9a-f]{40,64}\n$/.test(loose)) return loose.trimEnd();
    const answer = await this.#git.run(["rev-parse", "--verify", "--quiet", MAIN], {
      repository: this.#path,
      answers: [1],
    });
    return answer.stdout.toString().trim() || null;
  }

  async #describe(id: string): Promise<EnvironmentCommit> {
    const known = this.#commits.get(id);
    if (known) return known;
    const [raw] = await readCommits(this.#git, this.#path, [id]);
    if (!raw) throw new SlipwayError("GIT_FAILED", `there is no commit ${id} in ${this.#path}`);
    const commit = environmentCommit(raw, await this.#order(id, raw.parents));
    keep(this.#commits, id, commit);
    return commit;
  }

  async #order(id: string, parents: readonly string[]): Promise<number> {
    if (parents.length === 0) return 1;
    const parent = parents.length === 1 ? this.#commits.get(parents[0] ?? "") : undefined;
    return parent ? parent.order + 1 : Number(await this.#text(["rev-list", "--count", id, "--"]));
  }

  #text(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.#git.text(args, {
      repository: this.#path,
      maxBytes: 64 * 1024 * 1024,
      ...(input === undefined ? {} : { input }),
    });
  }
}

function checkChange({ service, state }: Change): void {
  if (serviceOfPath(serviceFilePath(service)) === service && (state === null || state.name === service))
    return;
  throw new SlipwayError(
    "INVALID_REQUEST",
    `${JSON.stringify(service)} can't be a service in the environment repository`,
    {
      given: state?.name ?? service,
      allowed: "1 to 128 letters, digits, '.', '_' and '-', the same in both places",
    },
  );
}

/** Subject, body and trailers as `git interpret-trailers` reads them: each part after an empty line. */
function commitMessage({ subject, body, trailers }: Change): string {
  const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ").trim();
  const lines = Object.entries(trailers).map(([key, value]) => `${key}: ${oneLine(value)}`);
  const message = [oneLine(subject), body.trim(), lines.join("\n")]
    .filter((part) => part !== "")
    .join("\n\n");
  // Git refuses a message with NUL in it, and shows the rest to terminals as it is.
  // oxlint-disable-next-line no-control-regex
  return `${message.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, " ")}\n`;
}

/** Keeps the newest entries of a cache. */
function keep<Value>(cache: Map<string, Value>, key: string, value: Value): void {
  cache.delete(key);
  cache.set(key, value);
  const [oldest] = cache.keys();
  if (cache.size > KEPT_COMMITS && oldest !== undefined) cache.delete(oldest);
}
