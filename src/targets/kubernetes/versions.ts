import type { LockEntry } from "./lock.ts";

/** The one table of versions: nothing else in the sources names a version of a component. In the order of names. */
export const VERSIONS: readonly LockEntry[] = [];
