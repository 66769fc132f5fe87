import type { Random } from "../random.ts";

export type Section = "validity" | "broken" | "workers" | "speed" | "promotion" | "peers";

/** What became of one simulated rollout. Seconds; null: it didn't happen before the time was over. */
export interface Row {
  rolledBackAt: number | null;
  promotedAt: number | null;
  /** Of the sequential test that knows both rates, on the same requests. */
  sprtAt?: number | null;
  /** Bad answers of the challenger until it was taken out. */
  bad: number;
  units: number;
  looks: number;
  /** Further figures that the report prints, by name; their means. */
  means?: Record<string, number>;
}

/** One row of a table: many rollouts of the same kind. */
export interface Job {
  section: Section;
  /** Unique; `--only` chooses by its beginning. */
  name: string;
  /** What the row says, for a person. */
  title: string;
  /** How many rollouts of a full and of a quick run. */
  rollouts: { full: number; quick: number };
  /** Sections read what they need: the rate per second, the fault, whose rule. */
  tags: Record<string, string | number>;
  /**
   * @param own random numbers of this rollout
   * @param world random numbers for what surrounds the requests (bursts, shared slowness), apart so that they are
   * the same whatever is decided
   */
  play(own: Random, world: Random): Row;
}
