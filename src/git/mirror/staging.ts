import type { PushedObjects } from "../refusal.ts";
import type { MirrorDeps } from "./deps.ts";
import type { MirroredPack } from "./manifest.ts";
import { sendPack, type Selection } from "./packs.ts";
import { packPath } from "./paths.ts";

/** A pack that was sent ahead of its references is forgotten, and collected, when they don't come. */
const STAGED_MS = 10 * 60_000;

export interface Sending {
  /** Hears how many bytes have gone out so far. */
  onBytes?: (sent: number) => void;
}

/** Packs of one repository that are in the store, or on their way there, and that no manifest names yet. */
export class Staging {
  readonly #deps: MirrorDeps;
  readonly #repository: string;
  readonly #epoch: number;
  /** By name, with the time at which each had arrived; undefined: it is on its way, or held. */
  readonly #packs = new Map<string, { pack: MirroredPack; at: number } | undefined>();

  constructor(deps: MirrorDeps, repository: string, epoch: number) {
    this.#deps = deps;
    this.#repository = repository;
    this.#epoch = epoch;
  }

  /** Sends what the tips reach; undefined when that is nothing. The pack is held until it is staged or dropped. */
  async send(
    selection: Selection,
    objects: PushedObjects,
    { onBytes = () => {} }: Sending = {},
  ): Promise<MirroredPack | undefined> {
    if (selection.tips.length === 0) return undefined;
    this.#forgetOld();
    const { blobs, ids, repositories } = this.#deps;
    const name = `${this.#epoch}-${ids.hex()}`;
    this.#packs.set(name, undefined);
    let sent: Awaited<ReturnType<typeof sendPack>>;
    try {
      const target = { path: packPath(this.#repository, name), onBytes };
      sent = await sendPack({ git: repositories.git, blobs }, objects, selection, target);
    } finally {
      if (sent === undefined) this.#packs.delete(name);
    }
    return sent && { name, ...sent, tips: [...selection.tips] };
  }

  /** For whoever moves a reference to one of its tips. */
  stage(pack: MirroredPack): void {
    this.#packs.set(pack.name, { pack, at: this.#deps.clock.now() });
  }

  /** A manifest names it, or nobody will. */
  drop({ name }: MirroredPack): void {
    this.#packs.delete(name);
  }

  /** Those that hold one of the tips. */
  holding(tips: ReadonlySet<string>): MirroredPack[] {
    return [...this.#packs.values()].flatMap((one) =>
      one?.pack.tips.some((tip) => tips.has(tip)) ? [one.pack] : [],
    );
  }

  /** Whether it may be removed from the store when the manifest doesn't name it. */
  isLoose(name: string): boolean {
    this.#forgetOld();
    return !this.#packs.has(name);
  }

  #forgetOld(): void {
    const before = this.#deps.clock.now() - STAGED_MS;
    for (const [name, one] of this.#packs) if (one !== undefined && one.at < before) this.#packs.delete(name);
  }
}
