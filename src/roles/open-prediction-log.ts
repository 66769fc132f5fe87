import { dirname, join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { convertInThread } from "../monitoring/prediction-log/convert-thread.ts";
import { BlobLogStore } from "../monitoring/prediction-log/blob-log-store.ts";
import { folderIntake, podIntake } from "../monitoring/prediction-log/intake.ts";
import type { Intake } from "../monitoring/prediction-log/intake.ts";
import { folderLogStore } from "../monitoring/prediction-log/log-store.ts";
import type { LogStore } from "../monitoring/prediction-log/log-store.ts";
import { podSpool } from "../monitoring/prediction-log/pod-spool.ts";
import { folderSpool } from "../monitoring/prediction-log/spool.ts";
import type { Spool } from "../monitoring/prediction-log/spool.ts";
import { createPredictionLogWriter } from "../monitoring/prediction-log/prediction-log.ts";
import type { PredictionLogDeps, PredictionLogWriter } from "../monitoring/prediction-log/prediction-log.ts";
import { createPredictionLogReader } from "../monitoring/prediction-log/reader.ts";
import type { PredictionLogReader } from "../monitoring/prediction-log/reader.ts";
import type { PredictionLogRoutesDeps } from "../monitoring/prediction-log/routes.ts";
import { selectServices, selectServicesOf } from "../rollout/rows.ts";
import { ownerOfService } from "../rollout/service-owners.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import type { PlatformConfig } from "./config.ts";
import type { ControlTarget } from "./control-target.ts";

export interface PredictionLogParts {
  reader: PredictionLogReader;
  writer: PredictionLogWriter;
  services: PredictionLogDeps["services"];
  servicesOf: PredictionLogRoutesDeps["servicesOf"];
  isServiceOf: PredictionLogRoutesDeps["isServiceOf"];
}

interface OpenPredictionLog {
  config: Pick<PlatformConfig, "dataDir" | "mainFile">;
  clock: Clock;
  db: Database;
  blobs: BlobStore;
  /** Of serve processes elsewhere; absent: serve leaves its segments in this data folder. */
  samples: ControlTarget["samples"];
  /** Has serve hand over what it has. */
  roll: () => Promise<void>;
  logDefect: PredictionLogDeps["logDefect"];
}

/** Where no tenant's artifacts are: nobody reaches it by the artifact API. */
const FILES = "workspaces/.slipway/predictions";

/** The prediction log: serve writes segments, a thread of control makes the files of them. */
export function openPredictionLog(deps: OpenPredictionLog): PredictionLogParts {
  const { clock, db, roll, logDefect } = deps;
  const { store, spool, intake } = placesOf(deps);
  const services = async () =>
    (await db.read(selectServices)).map(({ name, serving }) => ({ name, log: serving?.log }));
  return {
    services,
    servicesOf: (tenant) => db.read((tx) => selectServicesOf(tx, tenant)),
    isServiceOf: async (tenant, name) => (await db.read((tx) => ownerOfService(tx, name))) === tenant,
    reader: createPredictionLogReader({ store, spool, ticks: () => performance.now() }),
    writer: createPredictionLogWriter({ clock, store, intake, roll, services, logDefect }),
  };
}

/** On one machine its data folder; in a cluster serve pods' own and the object store, so that whoever leads has all. */
function placesOf({ config, blobs, samples, logDefect }: OpenPredictionLog): {
  store: LogStore;
  spool: Spool;
  intake: Intake;
} {
  const threadFile = join(dirname(config.mainFile), "parquet-thread.js");
  const convert = (segments: string[], root: string) => convertInThread(threadFile, { segments, root });
  const root = join(config.dataDir, "predictions");
  if (samples === undefined) {
    const spoolDir = join(config.dataDir, "serve", "samples");
    const intake = folderIntake({ root, spoolDir, convert, logDefect });
    return { store: folderLogStore(root), spool: folderSpool(spoolDir), intake };
  }
  const store = new BlobLogStore({ blobs, root: FILES, cache: join(root, "copies") });
  const folder = join(root, "under-way");
  const intake = podIntake({ sources: samples, store, folder, convert, logDefect });
  return { store, spool: podSpool(samples), intake };
}
