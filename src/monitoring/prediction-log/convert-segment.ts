import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { decodeLogged } from "../../serving/logged-prediction.ts";
import type { LoggedPrediction } from "../../serving/logged-prediction.ts";
import { dateOf, logFileName, serviceFolder } from "./log-files.ts";
import type { LogRow } from "./log-row.ts";
import { rowsOf } from "./log-row.ts";
import { encodeParquet } from "./parquet.ts";

/** What became of a segment. */
export interface Converted {
  files: number;
  requests: number;
  rows: number;
}

/**
 * Makes the Parquet files of one segment, one per service and UTC date, and removes it. Each file is flushed before it
 * gets its name, and its name follows from the segment: whoever is killed in between and begins again writes the very
 * same files, so that no request is in the log twice and none is lost.
 */
export async function convertSegment(path: string, root: string): Promise<Converted> {
  const segment = basename(path).replace(/\.[a-z]+$/, "");
  const groups = new Map<string, LoggedPrediction[]>();
  for (const record of decodeLogged(await readFile(path))) {
    const key = `${dateOf(record.at)}/${record.service}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  const done: Converted = { files: 0, requests: 0, rows: 0 };
  for (const records of groups.values()) {
    records.sort((a, b) => a.at - b.at);
    const rows = records.flatMap((record) => rowsOf(record));
    await writeFile(root, segment, records, rows);
    done.files += 1;
    done.requests += records.length;
    done.rows += rows.length;
  }
  await rm(path, { force: true });
  return done;
}

async function writeFile(
  root: string,
  segment: string,
  records: readonly LoggedPrediction[],
  rows: readonly LogRow[],
): Promise<void> {
  const [first] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) return;
  const name = logFileName(dateOf(first.at), first.at, last.at, segment);
  const path = join(root, serviceFolder(first.service), name);
  const temporary = join(root, ".writing", `${segment}-${process.pid}`);
  const folder = dirname(path);
  const isNew = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined;
  await mkdir(dirname(temporary), { recursive: true, mode: 0o700 });
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(await encodeParquet(rows));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(folder);
  if (isNew) for (const above of [dirname(folder), root]) await syncFolder(above);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
