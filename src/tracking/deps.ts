import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import type { LogDefect } from "./wire/routes.ts";
import type { Logged } from "./logged.ts";

/** What the tracking modules are given. */
export interface TrackingDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  /** Where new experiments put artifacts: `mlflow-artifacts:/`, or a place that clients reach by themselves. */
  artifactRoot: string;
  /** Absolute; below it lies what clients name by a relative path. */
  workingDir: string;
}

/** What the routes need besides. */
export interface TrackingRouteDeps extends TrackingDeps {
  blobs: BlobStore;
  logged: Logged;
  /** Where a defect goes, with its stack. */
  logDefect: LogDefect;
  /** Bytes of one uploaded artifact; default 10 GiB. */
  maxArtifactBytes?: number;
  /** For how many seconds the address of a presigned download is good; default 300. */
  presignedDownloadSeconds?: number;
  /** Folder below the artifact root of a version of a registered model; undefined when there is none. */
  versionPath(workspace: string, model: string, version: number): Promise<string | undefined>;
}
