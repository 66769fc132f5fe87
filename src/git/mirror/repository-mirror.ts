import { SlipwayError } from "../../http/errors.ts";
import type { RefUpdate } from "../hook-protocol.ts";
import { isZero } from "../names.ts";
import type { MirroredMove } from "../push-mirror.ts";
import type { PushedObjects } from "../refusal.ts";
import { Slots } from "../slots.ts";
import { asAway } from "./deadline.ts";
import type { MirrorDeps } from "./deps.ts";
import { headOf, presentIn, referencesOf, unreachable } from "./local-repository.ts";
import type { Manifest, MirroredPack } from "./manifest.ts";
import { Register } from "./register.ts";
import { Staging, type Sending } from "./staging.ts";

/** Of one write of the manifest; others wait for it. */
const WRITE_MS = 10_000;
/** Updates of one repository go one after the other; so many may wait, so long. */
const TURNS = { slots: 1, queue: 64, waitMs: 60_000 };

/**
 * One repository in the mirror: first the pack, then the manifest that names it, then the reference moves.
 *
 * What a manifest's references and its packs' tips reach is in its packs, always: what was pushed once stays, also when
 * no reference leads to it any more. So whatever a pack leaves out since it was there stays there.
 */
export class RepositoryMirror {
  readonly name: string;
  readonly #deps: MirrorDeps;
  readonly #epoch: number;
  readonly #register: Register;
  readonly #staging: Staging;
  readonly #turns: Slots;
  /** The mirror may announce a move that didn't happen. */
  #isOff = false;
  #isCompacting = false;

  constructor(deps: MirrorDeps, name: string, epoch: number) {
    this.#deps = deps;
    this.name = name;
    this.#epoch = epoch;
    this.#register = new Register({ ...deps, epoch }, name);
    this.#staging = new Staging(deps, name, epoch);
    this.#turns = new Slots({ clock: deps.clock, ...TURNS });
  }

  get manifest(): Manifest | undefined {
    return this.#register.manifest;
  }

  claim(): Promise<Manifest | undefined> {
    return this.#register.claim();
  }

  /** GIT_MIRROR_FENCED when another process has written the manifest. */
  check(): Promise<void> {
    return this.#register.check();
  }

  /** Whether a pack may be removed when the manifest doesn't name it. */
  isLoose(pack: string): boolean {
    return this.#staging.isLoose(pack);
  }

  /**
   * Sends what an update brings, ahead of the moment at which the reference moves, and finds out whether this process
   * still leads. Nothing of it counts before `begin`.
   */
  async stage(updates: readonly RefUpdate[], objects: PushedObjects, sending?: Sending): Promise<void> {
    this.#requireTerm();
    const checked = this.#register.check();
    checked.catch(() => {});
    await this.#send(updates, objects, sending);
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
      const tips = new Set(newTips(updates));
      // What came unannounced, such as our own commits.
      await this.#send(updates, objects, { held: this.#staging.holding(tips) });
      const staged = this.#staging.holding(tips);
      await this.#write({ refs: moved(refs, updates), packs: [...(this.manifest?.packs ?? []), ...staged] });
      for (const pack of staged) this.#staging.drop(pack);
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
   * Makes the mirror what the repository is, after a move that didn't happen or a write whose end is unknown: the latter
   * can't count any more afterwards.
   */
  async settle(): Promise<void> {
    if (!this.#isUnsettled) return;
    const release = await this.#turn();
    try {
      this.#requireTerm();
      if (this.#isUnsettled) await this.#write({});
    } finally {
      release();
    }
  }

  /**
   * Replaces the packs from `first` on by one that holds the same; older ones stay. Answers those that the manifest names
   * no more. Updates go on meanwhile.
   */
  async compact(first: number): Promise<MirroredPack[]> {
    const { manifest } = this;
    if (manifest === undefined || this.#isCompacting || this.#isUnsettled) return [];
    this.#isCompacting = true;
    try {
      const { git, path } = this.#deps.repositories;
      const repository = path(this.name);
      const replaced = manifest.packs.slice(first);
      const known = new Set(manifest.packs.slice(0, first).flatMap(({ tips }) => tips));
      const without = await presentIn(git, repository, [...known]);
      const refs = Object.values(manifest.refs);
      const pushed = await presentIn(git, repository, [...new Set(replaced.flatMap(({ tips }) => tips))]);
      const left = await unreachable(git, repository, pushed, [...refs, ...without]);
      const tips = [...new Set([...refs, ...left])].filter((id) => !known.has(id));
      const pack = await this.#staging.send({ tips, without, isDense: true }, { repository, env: {} });
      return await this.#replace(replaced, pack);
    } finally {
      this.#isCompacting = false;
    }
  }

  async #replace(replaced: readonly MirroredPack[], pack: MirroredPack | undefined): Promise<MirroredPack[]> {
    const release = await this.#turn();
    try {
      this.#requireTerm();
      const gone = new Set(replaced.map(({ name }) => name));
      const packs = (this.manifest?.packs ?? []).flatMap((one) => {
        if (!gone.has(one.name)) return [one];
        return one.name === replaced[0]?.name && pack ? [pack] : [];
      });
      // When the end of this is unknown the new pack is still held: the manifest may name it.
      await this.#write({ packs });
      if (pack) this.#staging.drop(pack);
      return [...replaced];
    } finally {
      release();
    }
  }

  get #isUnsettled(): boolean {
    return this.#isOff || this.#register.isDoubtful;
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
    const head = await headOf(this.#deps.repositories.path(this.name));
    await this.#register.write({ head, refs, packs }, WRITE_MS);
    this.#isOff = false;
  }

  /** Some reference didn't move, or nobody knows. What can't be written now is written before anything else is. */
  async #correct(): Promise<void> {
    this.#isOff = true;
    try {
      const refs = await this.#present();
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

  /** Sends what the updates name that the mirror doesn't hold yet. */
  async #send(
    updates: readonly RefUpdate[],
    objects: PushedObjects,
    { held = [], ...sending }: Sending & { held?: readonly MirroredPack[] } = {},
  ): Promise<void> {
    const refs = new Set(Object.values(this.manifest?.refs ?? {}));
    const known = new Set([...(this.manifest?.packs ?? []), ...held].flatMap(({ tips }) => tips));
    const tips = newTips(updates).filter((tip) => !refs.has(tip) && !known.has(tip));
    try {
      const pack = await this.#staging.send({ tips, without: [...refs], isDense: false }, objects, sending);
      if (pack) this.#staging.stage(pack);
    } catch (error) {
      throw asAway(error);
    }
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
}

function newTips(updates: readonly RefUpdate[]): string[] {
  return [...new Set(updates.map(({ commit }) => commit).filter((id) => !isZero(id)))];
}

/** GIT_REFERENCE_MOVED when another was faster; Git would refuse it a moment later. */
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
