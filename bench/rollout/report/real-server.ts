import { policy } from "../policies.ts";
import { grouped, percent, shareOf, standing, time } from "./figures.ts";
import type { Table } from "./tables.ts";

/** What became of rollouts of equal variants on the real server. */
export interface EqualVariants {
  rollouts: number;
  promoted: number;
  /** At the deadline. */
  undecided: number;
  falseRollbacks: number;
  sentences: string[];
  /** Of a promotion, from the first request. */
  medianSeconds: number;
}

const { falseRollbackRate } = policy([]);

/** Every rollout is of the very model that serves, so every rollback is a false one. */
export function realServer(equal: EqualVariants): Table {
  const { rollouts, promoted, undecided, falseRollbacks, medianSeconds, sentences } = equal;
  const rate = shareOf(falseRollbacks, rollouts);
  const said = standing(rate, falseRollbackRate);
  return {
    title: "Equal variants on the real server, under load",
    notes: [
      "Real processes: a platform of its own, four services side by side, two connections each that send one request after another as fast as they are answered, steps 5/25/50, errors (margin 1 pp) and p95 of latency (margin 20 %), deadline 30 s. Every version is the same network under another name, so every version taken out is a false one.",
      ...sentences.map((sentence) => `Taken out: ${sentence}`),
    ],
    rows: [
      [
        "rollouts",
        "rolled back",
        "up to",
        "promoted",
        "undecided at the deadline",
        "median to promotion",
        "declared rate",
      ],
      [
        grouped(rollouts),
        percent(rate.rate),
        percent(rate.high),
        grouped(promoted),
        grouped(undecided),
        time(medianSeconds),
        said === "over" ? "OVER" : said,
      ],
    ],
    isKept: said !== "over",
  };
}
