import type { Kind } from "../kinds.ts";
import type { ExperimentOut } from "../wire.ts";

export const COUNTED = [
  "experiments",
  "runs",
  "points",
  "loggedModels",
  "registeredModels",
  "versions",
  "traces",
  "files",
] as const;
export type Counted = (typeof COUNTED)[number];

export interface Count {
  /** On the old server, as far as it was looked at. */
  found: number;
  /** Brought now, or brought up to date; of a dry run: that would be. */
  brought: number;
  /** Here since an earlier run, and as it is there. */
  unchanged: number;
  /** Not brought; `problems` says why. */
  failed: number;
}

export interface Problem {
  kind: Kind | "file" | "version";
  id: string;
  why: string;
}

export interface Report {
  source: string;
  version: string | null;
  tenant: string;
  isDryRun: boolean;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number | null;
  counts: Record<Counted, Count>;
  /** Of files that were brought. */
  bytes: number;
  /** Experiments that have another id here, or that were here before. */
  experiments: { from: string; to: string; name: string; how: Exclude<ExperimentOut["how"], "kept"> }[];
  /** What this server's MLflow doesn't offer, or what isn't brought at all. */
  skipped: string[];
  /** At most 1000 of them. */
  problems: Problem[];
  problemCount: number;
  /** After the end, every time: what was ever brought from there and was looked for here. */
  checked: { items: number; files: number; bytes: number; missing: string[] } | null;
  isComplete: boolean;
}

const MOST_PROBLEMS = 1000;

/** Counts what an import does; the report is what it has counted. */
export class Tally {
  readonly report: Report;
  readonly #changed: (report: Report) => void;

  constructor(
    about: Pick<Report, "source" | "version" | "tenant" | "isDryRun" | "startedAt">,
    changed: (report: Report) => void,
  ) {
    const none = (): Count => ({ found: 0, brought: 0, unchanged: 0, failed: 0 });
    this.report = {
      ...about,
      endedAt: null,
      counts: Object.fromEntries(COUNTED.map((name) => [name, none()])) as Record<Counted, Count>,
      bytes: 0,
      experiments: [],
      skipped: [],
      problems: [],
      problemCount: 0,
      checked: null,
      isComplete: false,
    };
    this.#changed = changed;
  }

  add(what: Counted, which: keyof Count, number = 1): void {
    this.report.counts[what][which] += number;
    this.#changed(this.report);
  }

  addBytes(bytes: number): void {
    this.report.bytes += bytes;
    this.#changed(this.report);
  }

  problem(problem: Problem): void {
    this.report.problemCount++;
    if (this.report.problems.length < MOST_PROBLEMS) this.report.problems.push(problem);
    this.#changed(this.report);
  }

  /** Said once. */
  skip(what: string): void {
    if (!this.report.skipped.includes(what)) this.report.skipped.push(what);
  }
}
