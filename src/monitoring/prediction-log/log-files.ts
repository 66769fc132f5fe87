import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** One Parquet file of the prediction log. Times are milliseconds since the epoch. */
export interface LogFile {
  /** Within its service: `<date>/<from>-<to>-<segment>.parquet`. */
  name: string;
  /** UTC. */
  date: string;
  /** Of its oldest and newest request. */
  from: number;
  to: number;
  /** What it was made of. */
  segment: string;
  bytes: number;
}

const FILE = /^(\d{13})-(\d{13})-([0-9a-z]+-\d{8})\.parquet$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const SHORT_NAME = 120;

/** Folder of a service's files below the log's own: its name, as far as a file's name can hold it. */
export function serviceFolder(service: string): string {
  const plain = encodeURIComponent(service).replace(/^\./, "%2E");
  if (plain.length <= SHORT_NAME) return plain;
  return `${plain.slice(0, 100)}~${createHash("sha256").update(service).digest("hex").slice(0, 16)}`;
}

/** Name of a file within its service. */
export function logFileName(date: string, from: number, to: number, segment: string): string {
  const place = (time: number) => String(time).padStart(13, "0");
  return `${date}/${place(from)}-${place(to)}-${segment}.parquet`;
}

/** UTC date of a time. */
export function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The files of a service by its folder, oldest first. */
export async function listLogFiles(root: string, folder: string): Promise<LogFile[]> {
  const dates = (await namesIn(join(root, folder))).filter((name) => DATE.test(name));
  const files: LogFile[] = [];
  for (const date of dates.sort())
    for (const own of await namesIn(join(root, folder, date))) {
      const parsed = parseLogFile(`${date}/${own}`);
      const found = parsed && (await stat(join(root, folder, parsed.name)).catch(() => undefined));
      if (parsed && found) files.push({ ...parsed, bytes: found.size });
    }
  return files.sort((a, b) => a.from - b.from || a.name.localeCompare(b.name));
}

/** What a name says; undefined: it isn't a file of the log. */
export function parseLogFile(name: string): Omit<LogFile, "bytes"> | undefined {
  const [date = "", own = "", ...more] = name.split("/");
  const [, from, to, segment] = FILE.exec(own) ?? [];
  if (segment === undefined || more.length > 0 || !DATE.test(date)) return undefined;
  return { name, date, from: Number(from), to: Number(to), segment };
}

/** Folders of all services that have files. */
export async function listServiceFolders(root: string): Promise<string[]> {
  return (await namesIn(root)).filter((name) => !name.startsWith("."));
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
