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

/** At most so much is read of what waits: the newest. */
const MOST_SEGMENTS = 8;

/**
 * Requests that wait for their Parquet file, oldest first. What is read here may be in a file a moment later: list the
 * files after it, and leave out what is in both.
 * @param text only segments with these bytes in them
 */
export async function readSpool(
  dir: string,
  wanted: (record: LoggedPrediction) => boolean,
  text?: string,
): Promise<Spooled[]> {
  const found: Spooled[] = [];
  for (const name of (await segmentNames(dir)).slice(-MOST_SEGMENTS)) {
    // Converted, or ended under another name, since it was listed.
    const bytes = await readFile(join(dir, name)).catch(() => readEnded(dir, name));
    if (bytes === undefined || (text !== undefined && !bytes.includes(text))) continue;
    const segment = name.replace(/\.[a-z]+$/, "");
    for (const record of decodeLogged(bytes)) if (wanted(record)) found.push({ segment, record });
  }
  return found;
}

async function readEnded(dir: string, name: string): Promise<Buffer | undefined> {
  return readFile(join(dir, name.replace(SPOOL_OPEN, SPOOL_ENDED))).catch(() => undefined);
}

async function segmentNames(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => name.endsWith(SPOOL_OPEN) || name.endsWith(SPOOL_ENDED)).sort();
}
