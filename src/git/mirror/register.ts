import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/ids.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { ConditionalFiles } from "../../store/conditional-files.ts";
import { asAway, within } from "./deadline.ts";
import { encodeManifest, parseManifest, type Manifest } from "./manifest.ts";
import { manifestPath } from "./paths.ts";

/** Of one call of the store that nothing waits for with locks in its hands. */
const CALL_MS = 10_000;
const TRIES = 3;
/** Own writes whose end isn't known, that are told from others'. */
const REMEMBERED = 16;

export interface RegisterDeps {
  files: ConditionalFiles;
  clock: Clock;
  ids: Ids;
  /** The leader's term in which the mirror was opened. */
  epoch: number;
}

/** What a writer decides; the rest of a manifest follows from the one before. */
export type Content = Pick<Manifest, "head" | "refs" | "packs">;

/**
 * One repository's manifest as this process last wrote it. Every write says what it replaces, so that two leaders can't
 * both succeed. A write whose end is unknown is as good as not made: the next one replaces it, whichever it was.
 */
export class Register {
  readonly #deps: RegisterDeps;
  readonly #repository: string;
  #confirmed: Manifest | undefined;
  #tag: string | null = null;
  #isDoubtful = false;
  readonly #own: string[] = [];

  constructor(deps: RegisterDeps, repository: string) {
    this.#deps = deps;
    this.#repository = repository;
  }

  /** As of the last write that was confirmed; undefined before the first. */
  get manifest(): Manifest | undefined {
    return this.#confirmed;
  }

  /** Whether a write was sent of which nobody knows what became. */
  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  /**
   * Reads what is there and puts this term on it, after which no older leader can write it any more. GIT_MIRROR_FENCED
   * when it is a later one's.
   */
  async claim(): Promise<Manifest | undefined> {
    for (let left = TRIES; left > 0; left--) {
      const found = await this.#read();
      if (found === undefined) return undefined;
      this.#refuseLater(found.manifest);
      this.#confirmed = found.manifest;
      this.#tag = found.tag;
      if (found.manifest.epoch === this.#deps.epoch) return found.manifest;
      const next = this.#next(found.manifest);
      const tag = await this.#send(next);
      if (tag === undefined) continue;
      this.#confirmed = next;
      this.#tag = tag;
      return next;
    }
    throw this.#fenced("another process writes it just now");
  }

  /**
   * Durable when it resolves. GIT_MIRROR_AWAY after `ms` milliseconds at most: it may or may not have been written, and
   * counts as not.
   */
  async write(content: Content, ms: number): Promise<void> {
    const until = this.#deps.clock.now() + ms;
    const next = this.#next(content);
    this.#remember(next.write);
    try {
      if (this.#isDoubtful) await this.#settle(until);
      for (let left = TRIES; left > 0; left--) {
        this.#isDoubtful = true;
        const tag = await this.#send(next, until);
        if (tag !== undefined) return this.#confirm(next, tag);
        const found = await this.#read(until);
        if (found?.manifest.write === next.write) return this.#confirm(next, found.tag);
        this.#adoptTag(found);
      }
    } catch (error) {
      throw asAway(error);
    }
    throw this.#fenced("another process writes it just now");
  }

  /** Whether the manifest is still this process's. GIT_MIRROR_FENCED when it isn't. */
  async check(): Promise<void> {
    const found = await this.#read().catch((error: unknown) => {
      throw asAway(error);
    });
    this.#adoptable(found);
  }

  /** Finds out which of its own writes is there, after one whose end is unknown. */
  async #settle(until: number): Promise<void> {
    this.#adoptTag(await this.#read(until));
    this.#isDoubtful = false;
  }

  #adoptTag(found: { manifest: Manifest; tag: string } | undefined): void {
    this.#adoptable(found);
    this.#tag = found?.tag ?? null;
  }

  /** Anything but an own write means that somebody else leads, or has removed it. */
  #adoptable(found: { manifest: Manifest; tag: string } | undefined): void {
    if (found === undefined) {
      if (this.#confirmed === undefined) return;
      throw this.#fenced("its manifest was removed");
    }
    const { write, epoch } = found.manifest;
    if (write === this.#confirmed?.write || this.#own.includes(write)) return;
    throw this.#fenced(`term ${epoch} wrote it, and this process's is ${this.#deps.epoch}`);
  }

  #next({ head, refs, packs }: Content): Manifest {
    return {
      version: 1,
      repository: this.#repository,
      epoch: this.#deps.epoch,
      generation: (this.#confirmed?.generation ?? 0) + 1,
      write: this.#deps.ids.hex(),
      head,
      refs,
      packs,
    };
  }

  #remember(write: string): void {
    this.#own.push(write);
    if (this.#own.length > REMEMBERED) this.#own.shift();
  }

  #confirm(manifest: Manifest, tag: string): void {
    this.#confirmed = manifest;
    this.#tag = tag;
    this.#isDoubtful = false;
  }

  #send(next: Manifest, until = this.#deps.clock.now() + CALL_MS): Promise<string | undefined> {
    const { clock, files } = this.#deps;
    return within(clock, until - clock.now(), () =>
      files.write(manifestPath(this.#repository), encodeManifest(next), this.#tag),
    );
  }

  async #read(
    until = this.#deps.clock.now() + CALL_MS,
  ): Promise<{ manifest: Manifest; tag: string } | undefined> {
    const { clock, files } = this.#deps;
    const path = manifestPath(this.#repository);
    const found = await within(clock, until - clock.now(), () => files.read(path));
    return found && { manifest: parseManifest(found.text, path), tag: found.tag };
  }

  #refuseLater({ epoch }: Manifest): void {
    if (epoch > this.#deps.epoch)
      throw this.#fenced(`term ${epoch} wrote it, and this process's is ${this.#deps.epoch}`);
  }

  #fenced(why: string): SlipwayError {
    return new SlipwayError(
      "GIT_MIRROR_FENCED",
      `this process may not write the mirror of ${this.#repository}: ${why}`,
      { where: manifestPath(this.#repository) },
    );
  }
}
