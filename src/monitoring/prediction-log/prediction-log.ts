import { mkdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { PredictionLogSpec } from "../../spec/project.ts";
import type { Converted } from "./convert-segment.ts";
import type { ConvertFailure } from "./convert-thread.ts";
import { listLogFiles, listServiceFolders, serviceFolder } from "./log-files.ts";
import { overdue } from "./retention.ts";
import { endedSegments } from "./spool.ts";

export interface PredictionLogDeps {
  clock: Clock;
  /** Folder of the Parquet files. */
  root: string;
  /** Where the router leaves segments. */
  spoolDir: string;
  /** Has the router end its present segment. */
  roll(): Promise<void>;
  /** Makes Parquet files of segments, away from this thread. */
  convert(segments: string[], root: string): Promise<{ converted: Converted[]; failures: ConvertFailure[] }>;
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
/** Segments in one thread. */
const BATCH = 16;
/** The disk, not the segment: it is tried again. */
const PASSING = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO", "EROFS", "ENOMEM"]);

/** The writer of this machine's files. */
export function createPredictionLogWriter(deps: PredictionLogDeps): PredictionLogWriter {
  const { clock, root, spoolDir, logDefect } = deps;
  let last: Promise<void> = Promise.resolve();
  let sweptAt = -Infinity;

  async function convertAll(): Promise<void> {
    for (;;) {
      const segments = (await endedSegments(spoolDir)).slice(0, BATCH);
      if (segments.length === 0) return;
      const { failures } = await deps.convert(segments, root);
      for (const { segment, code, message } of failures) {
        logDefect(new Error(`${segment ?? "its thread"}: ${message}`), "prediction log");
        if (segment === undefined || PASSING.has(code)) return;
        await setAside(segment);
      }
    }
  }

  async function sweep(): Promise<void> {
    const now = clock.now();
    // Both ways: a clock that was set back must not end it.
    if (Math.abs(now - sweptAt) < SWEEP_EVERY_MS) return;
    sweptAt = now;
    const logs = new Map((await deps.services()).map(({ name, log }) => [serviceFolder(name), log]));
    const folders = await listServiceFolders(root);
    const services = await Promise.all(
      folders.map(async (folder) => ({
        folder,
        files: await listLogFiles(root, folder),
        log: logs.get(folder),
      })),
    );
    for (const { folder, file } of overdue(services, now)) {
      const path = join(root, folder, file.name);
      await rm(path, { force: true });
      // Only when it was the last of its day.
      await rmdir(dirname(path)).catch(() => undefined);
    }
  }

  /** One after the other: two threads on the same segment would only write the same twice. */
  function next(act: () => Promise<void>): Promise<void> {
    const done = last.then(act);
    last = done.catch(() => undefined);
    return done;
  }

  return {
    async run(signal) {
      await next(async () => {
        await mkdir(root, { recursive: true, mode: 0o700 });
        // Files that a killed process hadn't finished.
        await rm(join(root, ".writing"), { recursive: true, force: true });
      });
      while (!signal.aborted) {
        await next(async () => {
          await convertAll();
          await sweep();
        }).catch((error: unknown) => logDefect(error, "prediction log"));
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
      await last;
    },
    writeNow: () =>
      next(async () => {
        await deps.roll();
        await convertAll();
      }),
  };
}

/** A segment that nobody can read stands in nobody's way; the next one that fails replaces it. */
async function setAside(segment: string): Promise<void> {
  await rename(segment, join(dirname(segment), "failed.segment"));
}
