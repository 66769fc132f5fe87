/** What a file says, and the tag by which it is replaced. */
export interface TaggedFile {
  text: string;
  /** Changes with every write. */
  tag: string;
}

/**
 * Small files that are replaced by compare-and-swap, so that of two writers one always learns of the other. Paths are
 * checked as a BlobStore's are.
 */
export interface ConditionalFiles {
  /** Undefined when there is none. TOO_LARGE over MAX_CONDITIONAL_BYTES. */
  read(path: string): Promise<TaggedFile | undefined>;
  /**
   * Writes the file if the one that is there has that tag; null: if there is none. Durable when it resolves with the
   * new tag; undefined when another one is there. A write whose answer was lost may be answered so as well: read again.
   */
  write(path: string, text: string, expected: string | null): Promise<string | undefined>;
}

/** Of one file: it is read and written as a whole. */
export const MAX_CONDITIONAL_BYTES = 16 * 1024 * 1024;
