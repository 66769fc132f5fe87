import { dateOf, serviceFolder } from "./log-files.ts";
import type { LogFile } from "./log-files.ts";
import { rowsOf } from "./log-row.ts";
import type { LogRow } from "./log-row.ts";
import type { LogStore } from "./log-store.ts";
import { readParquet } from "./parquet.ts";
import { readSpool } from "./spool.ts";
import type { Spool, Spooled } from "./spool.ts";

/** Times are milliseconds since the epoch, `until` without it. */
export interface LogQuery {
  service: string;
  since?: number;
  until?: number;
  /** Rows. */
  limit: number;
}

/** Reads the prediction log: the Parquet files, and what is on the way to one. */
export interface PredictionLogReader {
  /** The Parquet files of a service, oldest first. */
  files(service: string): Promise<LogFile[]>;
  /** Path of one of them; undefined: there is none of that name. */
  path(service: string, name: string): Promise<string | undefined>;
  /** The newest rows, newest request first and a request's rows in their order. */
  newest(query: LogQuery): Promise<LogRow[]>;
  /**
   * All rows of one request; of an id that came more than once, of the newest. None: it isn't in the log.
   * @param hint whose it is and when it was answered, where that is known
   */
  find(requestId: string, hint?: { service: string; at: number }): Promise<LogRow[]>;
  /** When the oldest request that is kept was answered; null: none is. */
  since(): Promise<number | null>;
}

export interface ReaderOptions {
  /** The Parquet files. */
  store: LogStore;
  /** What is on the way. */
  spool: Spool;
  /** Milliseconds of a clock that never goes back. */
  ticks(): number;
}

/** Longest search for an id of which nothing is known but itself. */
const SEARCH_MS = 5_000;

export function createPredictionLogReader({ store, spool, ticks }: ReaderOptions): PredictionLogReader {
  const files = (service: string) => store.files(serviceFolder(service));
  const read = async (folder: string, name: string, options: Parameters<typeof readParquet>[1]) => {
    const path = await store.path(folder, name);
    return path === undefined ? [] : readIfThere(path, options);
  };
  return {
    files,
    path: (service, name) => store.path(serviceFolder(service), name),
    async newest({ service, since = 0, until = Infinity, limit }) {
      const isAsked = (at: number) => at >= since && at < until;
      const spooled = await readSpool(spool, (one) => one.service === service && isAsked(one.at));
      const all = await files(service);
      const rows = notInFiles(spooled, all)
        .slice(-limit)
        .flatMap(({ record }) => rowsOf(record));
      for (const file of all.toSorted((a, b) => b.to - a.to)) {
        if (file.to < since || file.from >= until) continue;
        sortRows(rows);
        const last = rows[limit - 1];
        if (last !== undefined && last.time.getTime() > file.to) break;
        // Of a file that reaches beyond `until`, its end isn't what is asked for.
        const options = file.to < until ? { last: limit } : {};
        const own = await read(serviceFolder(service), file.name, options);
        rows.push(...own.filter((row) => isAsked(row.time.getTime())));
      }
      return sortRows(rows).slice(0, limit);
    },
    async find(requestId, hint) {
      const text = `"id":${JSON.stringify(requestId)}`;
      const spooled = await readSpool(spool, (record) => record.id === requestId, text);
      const newest = spooled.at(-1);
      if (newest !== undefined) return rowsOf(newest.record);
      const folders = hint === undefined ? await store.folders() : [serviceFolder(hint.service)];
      const places: { folder: string; name: string; to: number }[] = [];
      for (const folder of folders)
        for (const { name, from, to } of await store.files(folder))
          if (hint === undefined || (from <= hint.at && hint.at <= to)) places.push({ folder, name, to });
      const end = ticks() + SEARCH_MS;
      for (const { folder, name } of places.sort((a, b) => b.to - a.to)) {
        const rows = await read(folder, name, { requestId });
        if (rows.length > 0) return newestRequest(rows);
        if (ticks() > end) break;
      }
      return [];
    },
    async since() {
      const [oldest] = await readSpool(spool, () => true);
      let since = oldest?.record.at ?? null;
      for (const folder of await store.folders()) {
        const [file] = await store.files(folder);
        if (file !== undefined) since = Math.min(since ?? Infinity, file.from);
      }
      return since;
    },
  };
}

/** What isn't in a Parquet file as well: a segment gives one file per service and date. */
function notInFiles(spooled: readonly Spooled[], files: readonly LogFile[]): Spooled[] {
  const made = new Set(files.map(({ segment, date }) => `${segment} ${date}`));
  return spooled.filter(({ segment, record }) => !made.has(`${segment} ${dateOf(record.at)}`));
}

function sortRows(rows: LogRow[]): LogRow[] {
  return rows.sort(
    (a, b) =>
      b.time.getTime() - a.time.getTime() || a.request_id.localeCompare(b.request_id) || a.row - b.row,
  );
}

/** A file may have been removed since it was listed. */
async function readIfThere(path: string, options: Parameters<typeof readParquet>[1]): Promise<LogRow[]> {
  try {
    return await readParquet(path, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Of several requests with the same id. */
function newestRequest(rows: readonly LogRow[]): LogRow[] {
  const newest = Math.max(...rows.map((row) => row.time.getTime()));
  const own = rows.filter((row) => row.time.getTime() === newest);
  return own.toSorted((a, b) => a.row - b.row);
}
