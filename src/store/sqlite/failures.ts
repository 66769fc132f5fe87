import { SlipwayError, type ErrorCode } from "../../http/errors.ts";

/** SQLite's primary and extended result codes (https://www.sqlite.org/rescode.html) that need words of their own. */
const FULL = 13;
const IOERR = 10;
const CORRUPT = 11;
const NOTADB = 26;
const BUSY = 5;
const READONLY = 8;
const CANTOPEN = 14;
/** The shared-memory file couldn't grow: a full disk by another name. */
const IOERR_SHMSIZE = 4874;
/** After one of these nobody knows what is on the disk; only a fresh start finds out. */
const UNTRUSTWORTHY = new Set([1034, 1290]);

/** sqlite3_errstr's words: the library leaves the number out of errors met while rows are fetched. */
const BY_MESSAGE: readonly [RegExp, number][] = [
  [/database or disk is full/, FULL],
  [/disk I\/O error/, IOERR],
  [/disk image is malformed/, CORRUPT],
  [/readonly database/, READONLY],
  [/database is locked/, BUSY],
];

interface SqliteFailure extends Error {
  errcode?: number;
}

/** Any error of the SQLite library as a SlipwayError; SlipwayErrors pass through. */
export function fromSqlite(error: unknown, where: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const { message, errcode = BY_MESSAGE.find(([words]) => words.test(message))?.[1] } =
    error as SqliteFailure;
  const code = codeOf(errcode);
  const text = code === "INTERNAL" ? `${message} (in ${where.slice(0, 200)})` : message;
  return new SlipwayError(code, text, {
    cause: error,
    ...(errcode === undefined ? {} : { details: { sqlite: errcode } }),
  });
}

/** True when the writer must not go on after this error. */
export function endsTheWriter(error: SlipwayError): boolean {
  return error.code === "STORE_CORRUPT" || UNTRUSTWORTHY.has(Number(error.facts.details?.["sqlite"]));
}

function codeOf(errcode: number | undefined): ErrorCode {
  if (errcode === undefined) return "INTERNAL";
  if (errcode === IOERR_SHMSIZE) return "STORE_FULL";
  switch (errcode % 256) {
    case FULL:
      return "STORE_FULL";
    case CORRUPT:
    case NOTADB:
      return "STORE_CORRUPT";
    case IOERR:
    case READONLY:
    case CANTOPEN:
      return "STORE_FAILED";
    case BUSY:
      return "UNAVAILABLE";
    default:
      return "INTERNAL";
  }
}
