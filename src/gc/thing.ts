/** What can be deleted for good, in the order in which it goes: an experiment when nothing is left in it. */
export const KINDS = ["run", "model", "trace", "experiment"] as const;
export type Kind = (typeof KINDS)[number];

/** How people call them. */
export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  run: "tracking run",
  model: "logged model",
  trace: "trace",
  experiment: "experiment",
};

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
