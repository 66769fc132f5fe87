/** What an interval is besides its cells. */
export interface Moment {
  /** Since the interval before; never negative, never long. */
  seconds: number;
  isBaseline: boolean;
  /** Nothing will be told of the units that were under way at the interval before. */
  areLost: boolean;
  edges: readonly number[] | undefined;
  /** Callers leave one arm more often than the other. */
  abortsDiffer: boolean;
  /** Milliseconds after which no unit is under way any more. */
  maxLife: number;
}
