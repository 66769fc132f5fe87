import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeLogged } from "../../serving/logged-prediction.ts";
import type { LoggedPrediction } from "../../serving/logged-prediction.ts";
import { SPOOL_ENDED, SPOOL_OPEN } from "../../serving/router/sample-spool.ts";

/** Segments that the router has ended, oldest first. */
export async function endedSegments(dir: string): Promise<string[]> {
  return (await segmentNames(dir))
    .filter((name) => name.endsWith(SPOOL_ENDED))
    .map((name) => join(dir, name));
}

/** A request that is in no Parquet file yet, and its segment. */
export interface Spooled {
  segment: string;
  record: LoggedPrediction;
}

/** What waits for its Parquet file. */
export interface Spool {
  /** Oldest first. */
  segments(): Promise<SpoolSegment[]>;
}

export interface SpoolSegment {
  /** As in the names of the files that are made of it. */
  name: string;
  /** What is in it by now; undefined: it has been converted since. */
  read(): Promise<Buffer | undefined>;
}

/** At most so much is read of what waits: the newest. */
const MOST_SEGMENTS = 8;

/**
 * Requests that wait for their Parquet file, oldest first. What is read here may be in a file a moment later: list the
 * files after it, and leave out what is in both.
 * @param text only segments with these bytes in them
 */
export async function readSpool(
  spool: Spool,
  wanted: (record: LoggedPrediction) => boolean,
  text?: string,
): Promise<Spooled[]> {
  const found: Spooled[] = [];
  for (const { name, read } of (await spool.segments()).slice(-MOST_SEGMENTS)) {
    const bytes = await read();
    if (bytes === undefined || (text !== undefined && !bytes.includes(text))) continue;
    for (const record of decodeLogged(bytes)) if (wanted(record)) found.push({ segment: name, record });
  }
  return found;
}

/** Name of a segment's file without its ending. */
export function segmentOf(name: string): string {
  return name.replace(/\.[a-z]+$/, "");
}

/** Segments in a folder of this machine, where the router leaves them. */
export function folderSpool(dir: string): Spool {
  return {
    segments: async () =>
      (await segmentNames(dir)).map((name) => ({
        name: segmentOf(name),
        // Converted, or ended under another name, since it was listed.
        read: () => readFile(join(dir, name)).catch(() => readEnded(dir, name)),
      })),
  };
}

async function readEnded(dir: string, name: string): Promise<Buffer | undefined> {
  return readFile(join(dir, name.replace(SPOOL_OPEN, SPOOL_ENDED))).catch(() => undefined);
}

async function segmentNames(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => name.endsWith(SPOOL_OPEN) || name.endsWith(SPOOL_ENDED)).sort();
}
