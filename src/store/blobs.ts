import type { Readable } from "node:stream";
import { SlipwayError } from "../http/errors.ts";

/** Children of one folder beyond which it isn't listed: an answer must fit into memory. */
export const MAX_CHILDREN = 200_000;

export function tooManyChildren(path: string): SlipwayError {
  return new SlipwayError("TOO_LARGE", "the folder has too many children to be listed", {
    where: path,
    allowed: `${MAX_CHILDREN}`,
    hint: "Spread the files over several folders, or download the folder's files by their names.",
  });
}

export interface BlobInfo {
  /** Path below the store's root, `/`-separated, never with `..`. */
  path: string;
  isDir: boolean;
  /** Bytes; 0 for a folder. */
  size: number;
}

/** Bytes of a file: from `start` to `end` inclusive (to its end when absent), or the `last` so many. */
export type ByteRange = { start: number; end?: number } | { last: number };

export interface BlobContent {
  /** The whole file, or what `range` says. Whoever doesn't read it to its end destroys it. */
  body: Readable;
  /** Bytes of the whole file. */
  size: number;
  /** What the body holds, inclusive; absent: everything. */
  range?: { start: number; end: number };
  /** Changes with the content; an entity tag of HTTP with its quotes. */
  etag: string;
  /** Milliseconds since the epoch. */
  modified: number;
}

/**
 * Files by path: a folder on disk or a prefix in an S3-compatible store. Every path is checked before it is
 * used: absolute ones, `..`, backslashes, drive letters, control characters and percent-encodings of these are refused
 * with BLOB_PATH_REFUSED. A write is visible whole or not at all.
 */
export interface BlobStore {
  /** Writes the stream; answers bytes and SHA-256 (hex). Over `maxBytes` nothing is kept: TOO_LARGE. */
  put(
    path: string,
    body: Readable,
    options?: { maxBytes?: number },
  ): Promise<{ size: number; sha256: string }>;
  /** NOT_FOUND when it doesn't exist; RANGE_NOT_SATISFIABLE (`details.size`) when no byte of it is in `range`. */
  get(path: string, range?: ByteRange): Promise<BlobContent>;
  stat(path: string): Promise<BlobInfo | undefined>;
  /** Direct children of a folder, sorted by path; empty when there is no such folder. TOO_LARGE over MAX_CHILDREN. */
  list(path: string): Promise<BlobInfo[]>;
  /** Every file below a folder, in no order, a page at a time; for what must be counted, copied or summed up. */
  walk(path: string): AsyncIterable<BlobInfo>;
  /** Removes a file or a folder with all below it; no error when it doesn't exist. */
  delete(path: string): Promise<void>;
  /** What clients may do past this process with addresses that are signed and expire; null where there is no such way. */
  readonly direct: DirectAccess | null;
}

/** A request that a client may send to the store by itself. Whoever holds it needs nothing else: never log it. */
export interface SignedRequest {
  url: string;
  /** To be sent with it, as they are. */
  headers: Record<string, string>;
}

export interface UploadPart {
  /** From 1. */
  number: number;
  /** As the store answered the part. */
  etag: string;
}

/** Transfers between a client and the store itself. Paths are checked as everywhere. */
export interface DirectAccess {
  /** Reading a file, as a download of that content type. NOT_FOUND when it doesn't exist. */
  download(
    path: string,
    options: { expiresInSeconds: number; contentType: string; disposition: string },
  ): Promise<SignedRequest & { size: number }>;
  /** Writing a file in one piece. */
  upload(path: string, options: { expiresInSeconds: number; contentType: string }): Promise<SignedRequest>;
  /** Writing a file in `parts` pieces (1 to 10,000), one request each. */
  createUpload(path: string, parts: number): Promise<{ uploadId: string; requests: SignedRequest[] }>;
  /** Joins the parts. NOT_FOUND without such an upload; over `maxBytes` it is aborted: TOO_LARGE. */
  completeUpload(
    path: string,
    uploadId: string,
    parts: readonly UploadPart[],
    options: { maxBytes: number },
  ): Promise<void>;
  /** Gives an upload up with all its parts; no error when there is no such upload. */
  abortUpload(path: string, uploadId: string): Promise<void>;
}
