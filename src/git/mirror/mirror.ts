import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../durable.ts";
import type { RefUpdate } from "../hook-protocol.ts";
import { ENVIRONMENT, isRepositoryName } from "../names.ts";
import type { MirroredMove, PushMirror } from "../push-mirror.ts";
import type { PushedObjects } from "../refusal.ts";
import { asAway } from "./deadline.ts";
import type { MirrorDeps } from "./deps.ts";
import { collect, compact } from "./housekeeping.ts";
import type { MirrorIdentity } from "./identity.ts";
import { REPOSITORIES } from "./paths.ts";
import { RepositoryMirror } from "./repository-mirror.ts";
import { synchronise, type Synchronised } from "./synchronise.ts";

/** In the folder of repositories: the mirror that they go with. */
const MARKER = "mirror.json";
/** Repositories that are brought up to date at once. */
const AT_ONCE = 4;
/** After which a pusher is told that something is still being sent, and how often. */
const PATIENCE_MS = 2_000;
const COLLECT_EVERY_MS = 60 * 60_000;
const SETTLE_EVERY_MS = 5_000;
const MEBIBYTE = 1024 * 1024;

export interface GitMirror extends PushMirror {
  /** What opening it did. */
  readonly opened: { restored: string[]; sent: string[]; damaged: string[] };
  /** Puts packs together, removes what nothing names, and settles writes whose end is unknown, until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

/** From now on nothing goes to a mirror; a later one doesn't take the repositories for its own as they are. */
export async function leaveMirror(root: string): Promise<void> {
  await rm(join(root, MARKER), { force: true });
}

/**
 * Brings the repositories and the mirror together, and takes the mirror for this leader. To be called when nobody
 * pushes yet. A damaged repository keeps no other from coming back, but the environment's.
 */
export async function openGitMirror(deps: MirrorDeps, identity: MirrorIdentity): Promise<GitMirror> {
  const mirror = new Mirror(deps, identity);
  await mirror.open();
  return mirror;
}

class Mirror implements GitMirror {
  readonly opened = { restored: [] as string[], sent: [] as string[], damaged: [] as string[] };
  readonly #deps: MirrorDeps;
  readonly #identity: MirrorIdentity;
  readonly #mirrors = new Map<string, RepositoryMirror>();
  /** Why nothing of a repository may be written. */
  readonly #broken = new Map<string, unknown>();
  #compacting: Promise<void> = Promise.resolve();

  constructor(deps: MirrorDeps, identity: MirrorIdentity) {
    this.#deps = deps;
    this.#identity = identity;
  }

  async open(): Promise<void> {
    const { repositories, blobs } = this.#deps;
    const marker = join(repositories.root, MARKER);
    const isTrusted = (await readFile(marker, "utf8").catch(() => "")).trim() === this.#identity.id;
    const there = await blobs.list(REPOSITORIES).catch((error: unknown) => {
      throw asAway(error);
    });
    const names = new Set(there.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)));
    for (const name of await repositories.projects()) names.add(name);
    const waiting = [ENVIRONMENT, ...[...names].filter((name) => name !== ENVIRONMENT)].filter(
      isRepositoryName,
    );
    const worker = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        await this.#openOne(name, isTrusted);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await writeDurably(marker, `${this.#identity.id}\n`);
  }

  async *stage(
    repository: string,
    updates: readonly RefUpdate[],
    objects: PushedObjects,
  ): AsyncGenerator<string, void> {
    let sent = 0;
    const onBytes = (bytes: number): void => void (sent = bytes);
    const staging = this.#of(repository).stage(updates, objects, { onBytes });
    staging.catch(() => {});
    for (;;) {
      const done = new AbortController();
      const patience = this.#deps.clock.sleep(PATIENCE_MS, done.signal).then(
        () => false,
        () => false,
      );
      const isOver = await Promise.race([staging.then(() => true), patience]).finally(() => done.abort());
      if (isOver) return;
      yield `slipway: to the mirror: ${(sent / MEBIBYTE).toFixed(1)} MiB so far`;
    }
  }

  async begin(
    repository: string,
    updates: readonly RefUpdate[],
    objects: PushedObjects,
  ): Promise<MirroredMove> {
    const mirror = this.#of(repository);
    const move = await mirror.begin(updates, objects);
    return {
      end: async (isDone) => {
        await move.end(isDone);
        this.#compactLater(mirror);
      },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    let collected = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = this.#deps.clock.now();
      const isTime = now - collected >= COLLECT_EVERY_MS;
      if (isTime) collected = now;
      for (const mirror of this.#mirrors.values()) {
        if (signal.aborted) break;
        await (isTime ? collect(this.#deps, mirror, this.#identity.epoch) : mirror.settle()).catch(
          (error: unknown) => this.#deps.log(error, `the mirror of ${mirror.name}`),
        );
      }
      await this.#deps.clock.sleep(SETTLE_EVERY_MS, signal).catch(() => {});
    }
    await this.#compacting;
  }

  async #openOne(name: string, isTrusted: boolean): Promise<void> {
    try {
      const done = await synchronise(this.#deps, this.#of(name), isTrusted);
      this.#note(name, done);
    } catch (error) {
      const isDamage = (error as { code?: unknown }).code === "GIT_MIRROR_DAMAGED";
      if (!isDamage || name === ENVIRONMENT) throw error;
      this.#broken.set(name, error);
      this.opened.damaged.push(name);
      this.#deps.log(error, `the mirror of ${name}, to which nothing can be pushed now`);
    }
  }

  #note(name: string, done: Synchronised): void {
    if (done !== "same") this.opened[done].push(name);
  }

  #of(name: string): RepositoryMirror {
    const error = this.#broken.get(name);
    if (error !== undefined) throw error;
    let mirror = this.#mirrors.get(name);
    if (mirror === undefined) {
      mirror = new RepositoryMirror(this.#deps, name, this.#identity.epoch);
      this.#mirrors.set(name, mirror);
    }
    return mirror;
  }

  /** One after the other, and in nobody's way. */
  #compactLater(mirror: RepositoryMirror): void {
    this.#compacting = this.#compacting
      .then(async () => {
        if (await compact(mirror)) await collect(this.#deps, mirror, this.#identity.epoch);
      })
      .catch((error: unknown) => this.#deps.log(error, `the mirror of ${mirror.name}`));
  }
}
