/**
 * Monotone counters since the incarnation began. One cell per (service, version, epoch, incarnation); the
 * epoch names the rule in force when the unit was assigned, and its share is the share at assignment.
 */
export interface OutcomeCounter {
  service: string;
  version: number;
  /** `<commit>` of the rule, plus `!` once an emergency stop changed it, plus `~` for a sticky caller's later requests. */
  epoch: string;
  /** Challenger's share at assignment, 0 to 1; the same number in both arms of an epoch. */
  share: number;
  arm: "champion" | "challenger";
  /** Of the process that counts: counters start at zero with a new one. */
  incarnation: string;
  started: number;
  finished: number;
  /** Of the finished: answered with an error after assignment, timed out, or lost with their worker. */
  failed: number;
  /** Caller went away first; not among the finished. */
  aborted: number;
  /** Finished ones slower than each threshold (key: milliseconds). */
  slower: Record<string, number>;
  /** Latency histogram for people: upper bounds in seconds and counts, of the finished. */
  latency: { le: number[]; counts: number[]; sum: number };
}

export interface OutcomeReport {
  /** Milliseconds since the epoch. */
  at: number;
  incarnation: string;
  counters: OutcomeCounter[];
}

/** One answered prediction, as the prediction log keeps it. */
export interface PredictionRecord {
  requestId: string;
  at: number;
  service: string;
  version: number;
  epoch: string;
  share: number;
  arm: "champion" | "challenger";
  status: number;
  /** Predicted class or value per row, at most 64 rows; absent for a failed request. */
  prediction?: (string | number)[];
  /** Not drawn at random (version in the path, or a sticky caller's later request); never enters a test. */
  direct?: boolean;
}

export interface PredictionPage {
  records: PredictionRecord[];
  /** Pass it to the next call. */
  cursor: string;
  /** True when older records than the cursor's were dropped before they were read. */
  gap: boolean;
}
