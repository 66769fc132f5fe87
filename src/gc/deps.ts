import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";

export interface GcDeps {
  db: Database;
  blobs: BlobStore;
  clock: Clock;
  ids: Ids;
  /** Where new experiments put artifacts. */
  artifactRoot: string;
  /** Called before tracking runs go, for whoever wants to remember something of them. */
  beforeRunsGo: (workspace: string, runIds: readonly string[]) => Promise<void>;
  logDefect: (error: unknown, where?: string) => void;
}
