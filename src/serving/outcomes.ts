/**
 * Monotone counters since the incarnation began. One cell per (service, version, epoch, incarnation); the
 * epoch names the rule in force when the unit was assigned, and its share is the share at assignment.
 */
export interface OutcomeCounter {
  service: string;
  version: number;
  /** `<commit>` of the rule, plus `!` once an emergency stop changed it, plus `~` for a sticky caller's later requests. */
  epoch: string;
  /**
   * Challenger's share at assignment, 0 to 1. An epoch has cells of several shares where callers are sticky (those of the
   * champion are drawn once more at a rise, with their conditional share) and while copies are sent (0.5; 0 of requests
   * that weren't copied). Both arms of a share are compared, never an arm's sum over shares.
   */
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
  /** Of the failed ones of the challenger: left by their caller while the champion was asked instead. */
  leftFailed?: number;
  /** Ended by the platform itself without an outcome (copies, at an emergency stop); not among the finished or aborted. */
  stopped?: number;
  /** Of the failed ones of the challenger: answered by the champion instead (`rollout.fallback`). */
  fellBack: number;
  /** Milliseconds from assignment to answer, of the finished without `warmUp` and `leftFailed`; a fall-back's holds both tries. */
  latency: LatencyHistogram;
  /** Of the finished that were assigned in the first seconds of their trial: for people, not for the test of latency. */
  warmUp?: LatencyHistogram;
  /** How long the aborted and `leftFailed` ones had waited. */
  abortedLatency: LatencyHistogram;
}

/** Sparse: [bucket, count], by rising bucket. A bucket's bounds are those of the report's `edges`, or `latencyEdge()`. */
export interface LatencyHistogram {
  counts: [bucket: number, count: number][];
  /** Milliseconds. */
  sum: number;
}

/** Buckets to a doubling: edges lie 1.1 % apart, so a margin of 20 % is met to that. */
const PER_OCTAVE = 64;
/** Upper edge of bucket 0, in milliseconds. */
const FIRST_EDGE = 1 / 16;
/** The last bucket's upper edge is beyond the longest deadline of a request. */
export const LATENCY_BUCKETS = 24 * PER_OCTAVE;

/** Upper edge of a bucket in milliseconds; bucket i holds (edge(i-1), edge(i)], bucket 0 all up to its edge. */
export function latencyEdge(bucket: number): number {
  return FIRST_EDGE * 2 ** (bucket / PER_OCTAVE);
}

/** The bucket that a latency falls into. */
export function latencyBucket(milliseconds: number): number {
  if (!(milliseconds > FIRST_EDGE)) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log2(milliseconds / FIRST_EDGE) * PER_OCTAVE));
}

/** What a shadowed challenger answered, beside the champion, since the incarnation began. */
export interface ShadowCounter {
  service: string;
  version: number;
  epoch: string;
  incarnation: string;
  /** Requests that both answered well; `differed` of them with another prediction. */
  compared: number;
  differed: number;
  /** Copies that weren't sent because too many were under way; drawn before anybody knew how they would end. */
  dropped: number;
  /** Newest ones that differed, at most 20. */
  examples: ShadowDifference[];
}

export interface ShadowDifference {
  requestId: string;
  at: number;
  /** Predicted class or value per row, at most 64 rows. */
  champion: (string | number)[];
  challenger: (string | number)[];
}

/** Requests of a service that were chosen for the prediction log, since the incarnation began. */
export interface LogCounter {
  service: string;
  logged: number;
  /** Chosen, and not kept: there was no room, or the disk failed. */
  dropped: number;
}

export interface OutcomeReport {
  /** Milliseconds since the epoch. */
  at: number;
  incarnation: string;
  /** Of a backend where several processes count: those that go on; what is counted under others has come to its end. */
  living?: readonly string[];
  counters: OutcomeCounter[];
  shadows: ShadowCounter[];
  /** Of a backend that keeps a prediction log. */
  logs?: LogCounter[];
  /** Upper edges in milliseconds of a backend whose histograms are coarser than `latencyEdge()`. */
  edges?: number[];
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
  /**
   * A copy of this request went to the challenger as well. `arm` is then the arm whose outcome a coin chose for the
   * test (share 0.5); `version` and `prediction` are of the champion, who answered.
   */
  shadow?: { version: number; status: number; prediction?: (string | number)[] };
  /**
   * The challenger failed with this status, and the champion answered: `version`, `status` and `prediction` are the
   * champion's, `arm` stays the challenger's. To leave its label out would leave out just what the challenger fails on.
   */
  fallback?: { version: number; status: number };
  /** Not drawn at random (version in the path, or a sticky caller's later request); never enters a test. */
  direct?: boolean;
}

export interface PredictionPage {
  records: PredictionRecord[];
  /** Pass it to the next call. */
  cursor: string;
  /** True when older records than the cursor's were dropped before they were read. */
  gap: boolean;
  /** Nothing was left behind this page when it was read. */
  isEnd: boolean;
}

/** What is known of a request by its id. */
export interface FoundPrediction {
  /** Of an id that came more than once, the newest; undefined: there is none that is kept. */
  record?: PredictionRecord;
  /** Time of the oldest that is kept, in milliseconds since the epoch; null: none is. */
  since: number | null;
}
