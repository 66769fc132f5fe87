import { dirname, join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { convertInThread } from "../monitoring/prediction-log/convert-thread.ts";
import { createPredictionLogWriter } from "../monitoring/prediction-log/prediction-log.ts";
import type { PredictionLogDeps, PredictionLogWriter } from "../monitoring/prediction-log/prediction-log.ts";
import { createPredictionLogReader } from "../monitoring/prediction-log/reader.ts";
import type { PredictionLogReader } from "../monitoring/prediction-log/reader.ts";
import type { PredictionLogRoutesDeps } from "../monitoring/prediction-log/routes.ts";
import { selectServices, selectServicesOf } from "../rollout/rows.ts";
import { ownerOfService } from "../rollout/service-owners.ts";
import type { Database } from "../store/database.ts";
import type { PlatformConfig } from "./config.ts";

export interface PredictionLogParts {
  reader: PredictionLogReader;
  writer: PredictionLogWriter;
  services: PredictionLogDeps["services"];
  servicesOf: PredictionLogRoutesDeps["servicesOf"];
  isServiceOf: PredictionLogRoutesDeps["isServiceOf"];
}

/** The prediction log of this data folder: serve writes segments, a thread of control makes the files of them. */
export function openPredictionLog(deps: {
  config: Pick<PlatformConfig, "dataDir" | "mainFile">;
  clock: Clock;
  db: Database;
  /** Has serve hand over what it has. */
  roll: () => Promise<void>;
  logDefect: PredictionLogDeps["logDefect"];
}): PredictionLogParts {
  const { config, clock, db, roll, logDefect } = deps;
  const root = join(config.dataDir, "predictions");
  const spoolDir = join(config.dataDir, "serve", "samples");
  const threadFile = join(dirname(config.mainFile), "parquet-thread.js");
  const services = async () =>
    (await db.read(selectServices)).map(({ name, serving }) => ({ name, log: serving?.log }));
  return {
    services,
    servicesOf: (tenant) => db.read((tx) => selectServicesOf(tx, tenant)),
    isServiceOf: async (tenant, name) => (await db.read((tx) => ownerOfService(tx, name))) === tenant,
    reader: createPredictionLogReader({ root, spoolDir, ticks: () => performance.now() }),
    writer: createPredictionLogWriter({
      clock,
      root,
      spoolDir,
      roll,
      services,
      logDefect,
      convert: (segments, into) => convertInThread(threadFile, { segments, root: into }),
    }),
  };
}
