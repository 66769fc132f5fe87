/** What can be deleted for good; it goes in this order, an experiment when nothing is left in it. */
export type Kind = "run" | "model" | "trace" | "experiment";

/** Something deleted that stays, since something that isn't deleted needs it. */
export interface Kept {
  kind: Kind;
  id: string;
  /** In words: what needs it. */
  why: string;
}

/** One row of `doomed`. */
export interface Doomed {
  seq: number;
  workspace: string;
  kind: Kind;
  number: number;
  id: string;
  path: string | null;
}

/** Which deleted things are meant. */
export interface Wanted {
  workspace: string;
  /** Deleted at that time or before: milliseconds since the epoch. */
  cutoff: number;
  /** Only within these; null: in all. */
  experimentIds: readonly number[] | null;
  /** Only these; null: all. */
  runIds: readonly string[] | null;
}
