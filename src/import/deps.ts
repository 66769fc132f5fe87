import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { RegistryDeps } from "../registry/deps.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";

/** What the routes of imports are given. */
export interface ImportDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  blobs: BlobStore;
  /** Where new experiments put artifacts. */
  artifactRoot: string;
  artifactUris: Pick<RegistryDeps["artifactUris"], "ofRun" | "ofLoggedModel">;
  /** Bytes of one file; default 10 GiB. */
  maxArtifactBytes?: number;
}
