import type { Readable } from "node:stream";

export interface BlobInfo {
  /** Path below the store's root, `/`-separated, never with `..`. */
  path: string;
  isDir: boolean;
  /** Bytes; 0 for a folder. */
  size: number;
}

/**
 * Files by path: a folder on disk or a prefix in an S3-compatible store. Every path is checked before it is
 * used: absolute ones, `..`, backslashes, drive letters, control characters and percent-encodings of these are refused
 * with INVALID_REQUEST. A write is visible whole or not at all.
 */
export interface BlobStore {
  /** Writes the stream; answers bytes and SHA-256 (hex). Over `maxBytes` nothing is kept: TOO_LARGE. */
  put(
    path: string,
    body: Readable,
    options?: { maxBytes?: number },
  ): Promise<{ size: number; sha256: string }>;
  /** NOT_FOUND when it doesn't exist. `range` is inclusive, in bytes. */
  get(path: string, range?: { start: number; end: number }): Promise<{ body: Readable; size: number }>;
  stat(path: string): Promise<BlobInfo | undefined>;
  /** Direct children of a folder, sorted by path; empty when there is no such folder. */
  list(path: string): Promise<BlobInfo[]>;
  /** Removes a file or a folder with all below it; no error when it doesn't exist. */
  delete(path: string): Promise<void>;
  /** A read-only folder on this machine that holds what is below `path` (a copy where the store is remote). */
  localFolder(path: string): Promise<string>;
}
