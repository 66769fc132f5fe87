import type { Clock } from "../../base/clock.ts";
import type { PredictionLogSpec } from "../../spec/project.ts";
import type { Intake } from "./intake.ts";
import { serviceFolder } from "./log-files.ts";
import type { LogStore } from "./log-store.ts";
import { overdue } from "./retention.ts";

export interface PredictionLogDeps {
  clock: Clock;
  /** The Parquet files. */
  store: LogStore;
  /** Makes them. */
  intake: Intake;
  /** Has routers end their present segments. */
  roll(): Promise<void>;
  /** The services, with what their projects' files say of the log. */
  services(): Promise<{ name: string; log: PredictionLogSpec | undefined }[]>;
  logDefect(error: unknown, where: string): void;
}

/** Makes Parquet files of what the router logs, and removes those that are due. */
export interface PredictionLogWriter {
  /** Looks for segments until it is told to stop. */
  run(signal: AbortSignal): Promise<void>;
  /** Everything that was logged before is in a file when it resolves. */
  writeNow(): Promise<void>;
}

const LOOK_EVERY_MS = 2_000;
const SWEEP_EVERY_MS = 60_000;
/** The one writer of a platform's files. */
export function createPredictionLogWriter(deps: PredictionLogDeps): PredictionLogWriter {
  const { clock, store, intake, logDefect } = deps;
  let last: Promise<void> = Promise.resolve();
  let sweptAt = -Infinity;

  async function sweep(): Promise<void> {
    const now = clock.now();
    // Both ways: a clock that was set back must not end it.
    if (Math.abs(now - sweptAt) < SWEEP_EVERY_MS) return;
    sweptAt = now;
    const logs = new Map((await deps.services()).map(({ name, log }) => [serviceFolder(name), log]));
    const folders = await store.folders();
    const services = await Promise.all(
      folders.map(async (folder) => ({
        folder,
        files: await store.files(folder),
        log: logs.get(folder),
      })),
    );
    for (const { folder, file } of overdue(services, now)) await store.remove(folder, file.name);
  }

  /** One after the other: two threads on the same segment would only write the same twice. */
  function next(act: () => Promise<void>): Promise<void> {
    const done = last.then(act);
    last = done.catch(() => undefined);
    return done;
  }

  return {
    async run(signal) {
      await next(() => intake.open());
      while (!signal.aborted) {
        await next(async () => {
          await intake.takeAll();
          await sweep();
        }).catch((error: unknown) => logDefect(error, "prediction log"));
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
      await last;
    },
    writeNow: () =>
      next(async () => {
        await deps.roll();
        await intake.takeAll();
      }),
  };
}
