import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bytesOf } from "../../base/bytes.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { SampleSource } from "../../serving/admin/sample-source.ts";
import type { BlobLogStore } from "./blob-log-store.ts";
import type { Converted } from "./convert-segment.ts";
import type { ConvertFailure } from "./convert-thread.ts";
import { endedSegments } from "./spool.ts";

/** Makes files of what routers have ended. */
export interface Intake {
  /** Before anything else: what a killed process hadn't finished goes. */
  open(): Promise<void>;
  /** Of everything that is ended now. */
  takeAll(): Promise<void>;
}

interface IntakeDeps {
  /** Makes Parquet files of segments, away from this thread. */
  convert(segments: string[], root: string): Promise<{ converted: Converted[]; failures: ConvertFailure[] }>;
  logDefect(error: unknown, where: string): void;
}

/** Segments in one thread. */
const BATCH = 16;
/** The disk, not the segment: it is tried again. */
const PASSING = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO", "EROFS", "ENOMEM"]);
/** Of serve pods: each is a copy on this machine until its files are kept. */
const POD_BATCH = 4;
const WHERE = "prediction log";

/** What the router of this machine leaves in a folder. */
export function folderIntake(deps: IntakeDeps & { root: string; spoolDir: string }): Intake {
  const { root, spoolDir } = deps;
  return {
    async open() {
      await mkdir(root, { recursive: true, mode: 0o700 });
      await rm(join(root, ".writing"), { recursive: true, force: true });
    },
    async takeAll() {
      for (;;) {
        const segments = (await endedSegments(spoolDir)).slice(0, BATCH);
        if (segments.length === 0) return;
        const unreadable = await converted(deps, segments, root);
        if (unreadable === undefined) return;
        for (const segment of unreadable) await setAside(segment);
      }
    },
  };
}

export interface PodIntakeDeps extends IntakeDeps {
  /** The serve processes that there are. */
  sources(): Promise<readonly SampleSource[]>;
  store: Pick<BlobLogStore, "open" | "keepAll">;
  /** Folder of this machine for what is under way; emptied at the start. */
  folder: string;
}

/**
 * What serve pods hand over. A segment goes from its pod once its files are in the store: whoever is killed in between, or
 * leads next, takes it again and writes the very same files. Until then the pod keeps it, within its own bounds.
 */
export function podIntake(deps: PodIntakeDeps): Intake {
  const { sources, store, folder, logDefect } = deps;
  const made = join(folder, "made");

  /** False: there is no room here, and it is tried again later. */
  async function take(source: SampleSource, names: readonly string[]): Promise<boolean> {
    const paths: string[] = [];
    try {
      for (const name of names) {
        const path = join(folder, name);
        paths.push(path);
        await download(source, name, path);
      }
      if ((await converted(deps, paths, made)) === undefined) return false;
      await store.keepAll(made);
    } finally {
      for (const path of paths) await rm(path, { force: true });
    }
    // Also what nobody can read: it would be in everybody's way.
    for (const name of names) await source.taken(name);
    return true;
  }

  async function takeFrom(source: SampleSource): Promise<boolean> {
    for (;;) {
      const ended = (await source.segments()).filter(({ isEnded }) => isEnded);
      const names = ended.slice(0, POD_BATCH).map(({ name }) => name);
      if (names.length === 0) return true;
      if (!(await take(source, names))) return false;
    }
  }

  return {
    async open() {
      await rm(folder, { recursive: true, force: true });
      await mkdir(made, { recursive: true, mode: 0o700 });
      await store.open();
    },
    async takeAll() {
      for (const source of await sources())
        try {
          if (!(await takeFrom(source))) return;
        } catch (error) {
          // One that is away keeps what it has, and is asked again.
          if (!isAway(error)) logDefect(error, WHERE);
        }
    },
  };
}

/** The segments that nobody can read; undefined when this machine can't make files now. */
async function converted(
  { convert, logDefect }: IntakeDeps,
  segments: string[],
  root: string,
): Promise<string[] | undefined> {
  const { failures } = await convert(segments, root);
  const unreadable: string[] = [];
  for (const { segment, code, message } of failures) {
    logDefect(new Error(`${segment ?? "its thread"}: ${message}`), WHERE);
    if (segment === undefined || PASSING.has(code)) return undefined;
    unreadable.push(segment);
  }
  return unreadable;
}

async function download(source: SampleSource, name: string, path: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    for await (const bytes of source.read(name)) await file.appendFile(bytesOf(bytes));
  } finally {
    await file.close();
  }
}

function isAway(error: unknown): boolean {
  return error instanceof SlipwayError && (error.code === "SERVE_UNREACHABLE" || error.code === "TIMEOUT");
}

/** A segment that nobody can read stands in nobody's way; the next one that fails replaces it. */
async function setAside(segment: string): Promise<void> {
  await rename(segment, join(dirname(segment), "failed.segment"));
}
