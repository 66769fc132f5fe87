import type { RefUpdate } from "./hook-protocol.ts";
import type { PushedObjects } from "./refusal.ts";

/** An update that the mirror has and the repository is about to have. */
export interface MirroredMove {
  /**
   * The references have moved, all of them; or (false) perhaps not: then the mirror is made what the repository is. To be
   * called exactly once: until then nobody else moves a reference of the repository. Never rejects.
   */
  end(isDone: boolean): Promise<void>;
}

/** Where every update of a repository goes before its references move, and so before it is acknowledged. */
export interface PushMirror {
  /** Sends what the updates bring; lines for the pusher when it takes long. Nothing counts before `begin`. */
  stage(
    repository: string,
    updates: readonly RefUpdate[],
    objects: PushedObjects,
  ): AsyncGenerator<string, void>;
  /** Durable in the mirror when it resolves. Nothing was changed, or nobody knows, when it rejects. */
  begin(repository: string, updates: readonly RefUpdate[], objects: PushedObjects): Promise<MirroredMove>;
}
