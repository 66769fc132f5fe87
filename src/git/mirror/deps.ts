import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/ids.ts";
import type { BlobStore } from "../../store/blobs.ts";
import type { ConditionalFiles } from "../../store/conditional-files.ts";
import type { Repositories } from "../repositories.ts";

/** Where the mirror is kept: a place of its own, which nobody else writes and callers can't reach. */
export interface MirrorPlace {
  /** Packs. */
  blobs: BlobStore;
  /** Manifests. */
  files: ConditionalFiles;
}

export interface MirrorDeps extends MirrorPlace {
  repositories: Repositories;
  clock: Clock;
  ids: Ids;
  /**
   * Number of this leader's term: a later leader's is higher. It may throw when this process leads no more. The mirror
   * writes only in the term in which it was opened.
   */
  epoch: () => number;
  /** What an operator should know, and failures that nobody waits for. */
  log: (error: unknown, where: string) => void;
}
