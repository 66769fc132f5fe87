import { SlipwayError } from "../../http/errors.ts";
import type { RefUpdate } from "../hook-protocol.ts";
import { isZero } from "../names.ts";
import type { PushedObjects } from "../refusal.ts";
import type { MirroredMove } from "../push-mirror.ts";
import { Slots } from "../slots.ts";
import { asAway } from "./deadline.ts";
import type { MirrorDeps } from "./deps.ts";
import type { Manifest, MirroredPack } from "./manifest.ts";
import { presentIn, referencesOf } from "./local-repository.ts";
import { sendPack } from "./packs.ts";
import { packPath } from "./paths.ts";
import { Register } from "./register.ts";

/** Of one write of the manifest; others wait for it. */
const WRITE_MS = 10_000;
/** Updates of one repository go one after the other; so many may wait, so long. */
const TURNS = { slots: 1, queue: 64, waitMs: 60_000 };
/** A pack that was sent ahead of its references is forgotten, and collected, when they don't come. */
const STAGED_MS = 10 * 60_000;

interface StagedPack {
  pack: MirroredPack;
  /** Order of the moment at which it was decided what it leaves out. */
  order: number;
  at: number;
}

interface Compaction {
  order: number;
  /** What the references named when it began, and what packs have brought since. */
  held: Set<string>;
  /** A reference has gone to something that it may be about to drop. */
  isOutrun: boolean;
}

export interface Sending {
  onBytes?: (sent: number) => void;
  signal?: AbortSignal;
}

/** One repository in the mirror: first the pack, then the manifest that names it, then the reference moves. */
export class RepositoryMirror {
  readonly name: string;
  readonly #deps: MirrorDeps;
  readonly #epoch: number;
  readonly #register: Register;
  readonly #staged = new Map<string, StagedPack>();
  readonly #sending = new Set<string>();
  #order = 0;
  /** Packs decided on before it may lean on history that the mirror has dropped. */
  #validFrom = 0;
  #compaction: Compaction | undefined;
  /** The mirror may announce a move that didn't happen. */
  #isOff = false;
  readonly #turns: Slots;

  constructor(deps: MirrorDeps, name: string, epoch: number) {
    this.#deps = deps;
    this.name = name;
    this.#epoch = epoch;
    this.#register = new Register({ ...deps, epoch }, name);
    this.#turns = new Slots({ clock: deps.clock, ...TURNS });
  }

  get manifest(): Manifest | undefined {
    return this.#register.manifest;
  }

  claim(): Promise<Manifest | undefined> {
    return this.#register.claim();
  }

  /**
   * Makes the mirror what the repository is, after a move that didn't happen or a write whose end is unknown: the latter
   * can't count any more afterwards.
   */
  async settle(): Promise<void> {
    if (!this.#isOff && !this.#register.isDoubtful) return;
    const release = await this.#turn();
    try {
      this.#requireTerm();
      if (this.#isOff || this.#register.isDoubtful) await this.#write({});
    } finally {
      release();
    }
  }

  /** GIT_MIRROR_FENCED when another process has written the manifest. */
  check(): Promise<void> {
    return this.#register.check();
  }

  /** Whether a pack may be removed when the manifest doesn't name it. */
  isLoose(pack: string): boolean {
    this.#forgetOld();
    return !this.#sending.has(pack) && !this.#staged.has(pack);
  }

  /**
   * Sends what an update brings, ahead of the moment at which the reference moves, and finds out whether this process
   * still leads. Nothing of it counts before `begin`.
   */
  async stage(updates: readonly RefUpdate[], objects: PushedObjects, sending: Sending = {}): Promise<void> {
    this.#requireTerm();
    const checked = this.#register.check();
    checked.catch(() => {});
    const known = this.#known();
    await this.#send(
      newTips(updates).filter((tip) => !known.has(tip)),
      objects,
      sending,
    );
    await checked;
  }

  /**
   * The manifest says where the references are about to go: durable when it resolves, as good as never sent when it
   * rejects. Until the move's end nobody else writes the manifest.
   */
  async begin(updates: readonly RefUpdate[], objects: PushedObjects): Promise<MirroredMove> {
    const release = await this.#turn();
    try {
      this.#requireTerm();
      const refs = await this.#present();
      requireWhere(refs, updates);
      await this.#sendLate(updates, objects);
      const wanted = new Set(newTips(updates));
      const staged = this.#valid().filter(({ pack }) => pack.tips.some((tip) => wanted.has(tip)));
      this.#watchCompaction(wanted, staged);
      const packs = [...(this.manifest?.packs ?? []), ...staged.map(({ pack }) => pack)];
      await this.#write({ refs: moved(refs, updates), packs });
      for (const { pack } of staged) this.#staged.delete(pack.name);
    } catch (error) {
      release();
      throw asAway(error);
    }
    return {
      end: async (isDone) => {
        if (!isDone) await this.#correct();
        release();
      },
    };
  }

  /**
   * Replaces the packs from `first` on by one that holds what the references reach; older ones stay. Answers those that
   * the manifest names no more. Updates go on meanwhile.
   */
  async compact(first: number): Promise<MirroredPack[]> {
    const manifest = this.#register.manifest;
    if (manifest === undefined || this.#compaction !== undefined) return [];
    const refs = [...new Set(Object.values(manifest.refs))];
    const compaction = { order: ++this.#order, held: new Set(refs), isOutrun: false };
    this.#compaction = compaction;
    try {
      const kept = manifest.packs.slice(0, first);
      const { git, path } = this.#deps.repositories;
      const objects = { repository: path(this.name), env: {} };
      const known = new Set(kept.flatMap((pack) => pack.tips));
      const without = await presentIn(git, objects.repository, [...known]);
      const tips = refs.filter((id) => !known.has(id));
      const dense = await this.#pack({ tips, without, isDense: true }, objects, {});
      const release = await this.#turn();
      try {
        return await this.#replace(manifest, first, dense, compaction);
      } finally {
        release();
      }
    } finally {
      this.#compaction = undefined;
    }
  }

  async #replace(
    from: Manifest,
    first: number,
    dense: MirroredPack | undefined,
    compaction: Compaction,
  ): Promise<MirroredPack[]> {
    this.#requireTerm();
    const now = this.#register.manifest;
    if (now === undefined || compaction.isOutrun) {
      if (dense) this.#sending.delete(dense.name);
      return [];
    }
    this.#validFrom = compaction.order;
    const kept = [...from.packs.slice(0, first), ...(dense ? [dense] : [])];
    const packs = [...kept, ...now.packs.slice(from.packs.length)];
    // When the end of this is unknown the new pack stays among those being sent: the manifest may name it.
    await this.#write({ packs });
    if (dense) this.#sending.delete(dense.name);
    return from.packs.slice(first);
  }

  /** What came unannounced, such as our own commits. */
  async #sendLate(updates: readonly RefUpdate[], objects: PushedObjects): Promise<void> {
    const known = this.#known();
    for (const { pack } of this.#valid()) for (const tip of pack.tips) known.add(tip);
    await this.#send(
      newTips(updates).filter((tip) => !known.has(tip)),
      objects,
      {},
    );
  }

  /** Where the references are: as the manifest says, unless a move that it announced didn't happen. */
  async #present(): Promise<Readonly<Record<string, string>>> {
    if (!this.#isOff) return this.manifest?.refs ?? {};
    const { git, path } = this.#deps.repositories;
    return referencesOf(git, path(this.name));
  }

  /** The next manifest: the present one, but for what is given. */
  async #write(changed: Partial<Pick<Manifest, "refs" | "packs">>): Promise<void> {
    const { refs = await this.#present(), packs = this.manifest?.packs ?? [] } = changed;
    const head = await this.#deps.repositories.defaultBranch(this.name);
    await this.#register.write({ head, refs, packs }, WRITE_MS);
    this.#isOff = false;
  }

  /** Some reference didn't move, or nobody knows. What can't be written now is written before anything else is. */
  async #correct(): Promise<void> {
    this.#isOff = true;
    try {
      const { git, path } = this.#deps.repositories;
      const refs = await referencesOf(git, path(this.name));
      const named = this.manifest?.refs ?? {};
      const isSame =
        Object.keys(refs).length === Object.keys(named).length &&
        Object.entries(refs).every(([ref, id]) => named[ref] === id);
      if (isSame) this.#isOff = false;
      else await this.#write({ refs });
    } catch (error) {
      this.#deps.log(error, `the mirror of ${this.name} is ahead of it for now`);
    }
  }

  /** A running compaction must not drop what a reference comes back to. */
  #watchCompaction(tips: ReadonlySet<string>, staged: readonly StagedPack[]): void {
    const compaction = this.#compaction;
    if (compaction === undefined) return;
    for (const { pack, order } of staged) {
      if (order < compaction.order) compaction.isOutrun = true;
      else for (const tip of pack.tips) compaction.held.add(tip);
    }
    for (const tip of tips) if (!compaction.held.has(tip)) compaction.isOutrun = true;
  }

  /** What the manifest's packs hold with all that it reaches. */
  #known(): Set<string> {
    const manifest = this.#register.manifest;
    const known = new Set(Object.values(manifest?.refs ?? {}));
    for (const { tips } of manifest?.packs ?? []) for (const tip of tips) known.add(tip);
    return known;
  }

  #valid(): StagedPack[] {
    return [...this.#staged.values()].filter(({ order }) => order >= this.#validFrom);
  }

  async #send(tips: readonly string[], objects: PushedObjects, sending: Sending): Promise<void> {
    if (tips.length === 0) return;
    this.#forgetOld();
    const order = ++this.#order;
    const without = [...new Set(Object.values(this.#register.manifest?.refs ?? {}))];
    try {
      const pack = await this.#pack({ tips, without, isDense: false }, objects, sending);
      if (pack === undefined) return;
      this.#staged.set(pack.name, { pack, order, at: this.#deps.clock.now() });
      this.#sending.delete(pack.name);
    } catch (error) {
      throw asAway(error);
    }
  }

  /** Stays among those being sent when it was; whoever asked for it takes it out. */
  async #pack(
    selection: Parameters<typeof sendPack>[2],
    objects: PushedObjects,
    { onBytes = () => {}, signal }: Sending,
  ): Promise<MirroredPack | undefined> {
    if (selection.tips.length === 0) return undefined;
    const { blobs, ids, repositories } = this.#deps;
    const name = `${this.#epoch}-${ids.hex()}`;
    this.#sending.add(name);
    let sent: Awaited<ReturnType<typeof sendPack>>;
    try {
      sent = await sendPack({ git: repositories.git, blobs }, objects, selection, {
        path: packPath(this.name, name),
        onBytes,
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      if (sent === undefined) this.#sending.delete(name);
    }
    return sent && { name, ...sent, tips: [...selection.tips] };
  }

  /** UNAVAILABLE when others' updates take too long; resolves with the release. */
  #turn(): Promise<() => void> {
    return this.#turns.take(new AbortController().signal);
  }

  #requireTerm(): void {
    const now = this.#deps.epoch();
    if (now === this.#epoch) return;
    const said = `the mirror was opened in term ${this.#epoch}, and this is term ${now}`;
    throw new SlipwayError("GIT_MIRROR_FENCED", said);
  }

  #forgetOld(): void {
    const before = this.#deps.clock.now() - STAGED_MS;
    for (const [name, { at }] of this.#staged) if (at < before) this.#staged.delete(name);
  }
}

function newTips(updates: readonly RefUpdate[]): string[] {
  return [...new Set(updates.map(({ commit }) => commit).filter((id) => !isZero(id)))];
}

/** CONFLICT when a reference has been moved by another since; Git would refuse it a moment later. */
function requireWhere(refs: Readonly<Record<string, string>>, updates: readonly RefUpdate[]): void {
  for (const { ref, previous, commit } of updates) {
    const present = refs[ref];
    if (present === undefined ? isZero(previous) || isZero(commit) : present === previous) continue;
    throw new SlipwayError("GIT_REFERENCE_MOVED", `${ref} was moved by another meanwhile`, {
      given: previous,
      allowed: present ?? "none",
    });
  }
}

function moved(
  refs: Readonly<Record<string, string>>,
  updates: readonly RefUpdate[],
): Record<string, string> {
  const after = new Map(Object.entries(refs));
  for (const { ref, commit } of updates) {
    if (isZero(commit)) after.delete(ref);
    else after.set(ref, commit);
  }
  return Object.fromEntries(after);
}
