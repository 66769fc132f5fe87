/** A push that a `git-receive-pack` request of ours carries. */
export interface Push {
  readonly id: string;
  /** Who pushes, as far as it is known. */
  readonly pusher: string;
  /** Whether the pusher may change what is that tenant's. */
  mayChange(tenant: string): boolean;
  /** Aborted when nobody reads the progress any more. */
  readonly watched: AbortSignal;
  /** The references have moved: from here on the push only watches. */
  accepted(): void;
}

export interface OpenPush extends Push {
  /** The pusher went away. */
  leave(): void;
  /** Its processes have ended. */
  end(): void;
}

/** Joins the request that carries a push with what Git's hooks say of it. */
export class Pushes {
  readonly #open = new Map<string, OpenPush>();

  begin(push: Pick<Push, "id" | "pusher" | "mayChange"> & { onAccepted: () => void }): OpenPush {
    const watched = new AbortController();
    const open: OpenPush = {
      id: push.id,
      pusher: push.pusher,
      mayChange: push.mayChange,
      watched: watched.signal,
      accepted: push.onAccepted,
      leave: () => watched.abort(),
      end: () => {
        watched.abort();
        this.#open.delete(push.id);
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
