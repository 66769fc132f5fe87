import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { syncFile, syncFolder } from "./durable.ts";
import { removeStaleLocks } from "./leftovers.ts";
import { moveReference } from "./move-reference.ts";
import { ENVIRONMENT } from "./names.ts";
import type { Git } from "./plumbing.ts";
import type { PushMirror } from "./push-mirror.ts";
import { listFiles } from "./service-tree.ts";
import { encodeTree, type TreeEntry } from "./tree.ts";

export interface RenderedBranchDeps {
  /** The environment repository, bare; it exists. */
  path: string;
  git: Git;
  clock: Clock;
  /** Full name, such as `refs/heads/kubernetes`. */
  branch: string;
  /** Absent: there is no mirror. */
  mirror?: PushMirror | undefined;
}

/** Text files of a branch that this platform alone writes, by path; folders one level deep. */
export interface RenderedBranch {
  /** What the branch holds; the first time read from Git. */
  read(): Promise<{ commit: string | null; files: ReadonlyMap<string, string> }>;
  /** Makes a commit of these changes (null removes a file); the present one when they change nothing. Durable when it resolves. */
  commit(changes: ReadonlyMap<string, string | null>, message: string): Promise<string>;
}

/** Files of one content have one id, so what is known needn't be asked of Git again. */
interface Held {
  commit: string | null;
  files: Map<string, string>;
  blobs: Map<string, string>;
}

export function openRenderedBranch(deps: RenderedBranchDeps): RenderedBranch {
  return new BareBranch(deps);
}

class BareBranch implements RenderedBranch {
  readonly #deps: RenderedBranchDeps;
  #held: Held | undefined;
  /** One commit after the other: each one's parent is the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: RenderedBranchDeps) {
    this.#deps = deps;
  }

  async read(): Promise<{ commit: string | null; files: ReadonlyMap<string, string> }> {
    this.#held ??= await this.#load();
    return this.#held;
  }

  commit(changes: ReadonlyMap<string, string | null>, message: string): Promise<string> {
    const turn = this.#last.then(() => this.#commit(changes, message));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #load(): Promise<Held> {
    const { git, path, branch } = this.#deps;
    const found = await git.run(["rev-parse", "--verify", "--quiet", branch], {
      repository: path,
      answers: [1],
    });
    const commit = found.stdout.toString().trim() || null;
    const held: Held = { commit, files: new Map(), blobs: new Map() };
    if (commit === null) return held;
    for (const file of await listFiles(git, path, commit)) {
      const { stdout } = await git.run(["cat-file", "blob", file.object], { repository: path });
      held.files.set(file.path, stdout.toString("utf8"));
      held.blobs.set(file.path, file.object);
    }
    return held;
  }

  async #commit(changes: ReadonlyMap<string, string | null>, message: string): Promise<string> {
    const held = (this.#held ??= await this.#load());
    const changed = [...changes].filter(([path, text]) => (held.files.get(path) ?? null) !== text);
    if (changed.length === 0 && held.commit !== null) return held.commit;
    const next: Held = { commit: null, files: new Map(held.files), blobs: new Map(held.blobs) };
    const written: string[] = [];
    for (const [path, text] of changed) {
      next.files.delete(path);
      next.blobs.delete(path);
      if (text === null) continue;
      const blob = await this.#text(["hash-object", "-w", "--stdin"], text);
      written.push(blob);
      next.files.set(path, text);
      next.blobs.set(path, blob);
    }
    const tree = await this.#tree(next.blobs, written);
    const commit = await this.#commitTree(tree, held.commit, message);
    written.push(commit);
    await this.#sync(written);
    await this.#move(commit, held.commit);
    this.#held = { ...next, commit };
    return commit;
  }

  async #tree(blobs: ReadonlyMap<string, string>, written: string[]): Promise<string> {
    const folders = new Map<string, TreeEntry[]>();
    const root: TreeEntry[] = [];
    for (const [path, object] of blobs) {
      const slash = path.indexOf("/");
      const entry = { mode: "100644", object, path: path.slice(slash + 1) };
      if (slash === -1) root.push(entry);
      else folders.set(path.slice(0, slash), [...(folders.get(path.slice(0, slash)) ?? []), entry]);
    }
    for (const [path, entries] of folders) {
      const object = await this.#writeTree(entries, written);
      root.push({ mode: "040000", object, path });
    }
    return this.#writeTree(root, written);
  }

  /** Not by `git mktree`, which doesn't read `core.fsync` and so flushes nothing. */
  async #writeTree(entries: readonly TreeEntry[], written: string[]): Promise<string> {
    const tree = await this.#text(["hash-object", "-t", "tree", "-w", "--stdin"], encodeTree(entries));
    written.push(tree);
    return tree;
  }

  #commitTree(tree: string, parent: string | null, message: string): Promise<string> {
    const { git, path, clock } = this.#deps;
    const when = `@${Math.floor(clock.now() / 1000)} +0000`;
    return git.text(["commit-tree", tree, ...(parent === null ? [] : ["-p", parent])], {
      repository: path,
      input: `${message.trim()}\n`,
      env: { GIT_AUTHOR_DATE: when, GIT_COMMITTER_DATE: when },
    });
  }

  /** Compare-and-swap: another writer, such as a leader that took over, ends this one's turn with GIT_FAILED. */
  async #move(commit: string, parent: string | null): Promise<void> {
    const { path, clock, branch } = this.#deps;
    await removeStaleLocks(path, clock);
    try {
      const move = { name: ENVIRONMENT, path, ref: branch, commit, previous: parent };
      await moveReference(this.#deps, move);
    } catch (error) {
      // What is there now is read anew before the next try.
      this.#held = undefined;
      throw error;
    }
    const file = join(path, branch);
    await syncFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await syncFolder(join(file, ".."));
  }

  /** Git flushes the content of new objects; their names are flushed here. */
  async #sync(ids: readonly string[]): Promise<void> {
    const objects = join(this.#deps.path, "objects");
    for (const folder of new Set([...ids.map((id) => join(objects, id.slice(0, 2))), objects]))
      await syncFolder(folder).catch((error: NodeJS.ErrnoException) => {
        // An object that was there before, in a pack, has no folder of its own.
        if (error.code !== "ENOENT") throw error;
      });
  }

  #text(args: readonly string[], input: string | Uint8Array): Promise<string> {
    return this.#deps.git.text(args, { repository: this.#deps.path, input });
  }
}
