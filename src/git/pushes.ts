import type { MirroredMove } from "./push-mirror.ts";

/** A push that a `git-receive-pack` request of ours carries. */
export interface Push {
  readonly id: string;
  /** Who pushes, as far as it is known. */
  readonly pusher: string;
  /** Whether the pusher may change what is that tenant's. */
  mayChange(tenant: string): boolean;
  /** Aborted when nobody reads the progress any more. */
  readonly watched: AbortSignal;
  /** The mirror has the push; whoever moved its references must be heard of. */
  hold(move: MirroredMove, updates: number): void;
  /** So many references have moved: from here on the push only watches. */
  accepted(updates: number): Promise<void>;
}

export interface OpenPush extends Push {
  /** The pusher went away. */
  leave(): void;
  /** Its processes have ended; resolves when the mirror says what has become of it. */
  end(): Promise<void>;
}

/** The move of a push in the mirror, from the moment at which the mirror has it until it has happened or not. */
class HeldMove {
  #held: { move: MirroredMove; updates: number } | undefined;
  #isClosed = false;

  hold(move: MirroredMove, updates: number): void {
    this.#held = { move, updates };
    if (this.#isClosed) void this.end(0);
  }

  async end(moved: number): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.move.end(moved === held.updates);
  }

  /** Nothing moves any more: Git has ended. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.end(0);
  }
}

/** Joins the request that carries a push with what Git's hooks say of it. */
export class Pushes {
  readonly #open = new Map<string, OpenPush>();

  begin(push: Pick<Push, "id" | "pusher" | "mayChange"> & { onAccepted: () => void }): OpenPush {
    const watched = new AbortController();
    const mirrored = new HeldMove();
    const open: OpenPush = {
      id: push.id,
      pusher: push.pusher,
      mayChange: push.mayChange,
      watched: watched.signal,
      hold: (move, updates) => mirrored.hold(move, updates),
      async accepted(updates) {
        push.onAccepted();
        await mirrored.end(updates);
      },
      leave: () => watched.abort(),
      end: () => {
        watched.abort();
        this.#open.delete(push.id);
        return mirrored.close();
      },
    };
    this.#open.set(push.id, open);
    return open;
  }

  /** Undefined for one that didn't come through this process: it was started before a restart, or on the machine itself. */
  find(id: string | undefined): Push | undefined {
    return id === undefined ? undefined : this.#open.get(id);
  }

  /** Nobody watches any more; the pushes themselves go on. */
  leaveAll(): void {
    for (const push of this.#open.values()) push.leave();
  }
}
