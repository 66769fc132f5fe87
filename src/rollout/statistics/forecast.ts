import type { RolloutPolicy } from "../../spec/project.ts";

/** What is known of a service's traffic; undefined: not known. */
export interface Traffic {
  requestsPerSecond: number;
  /** Champion's share of failed requests. */
  errorRate: number;
  /** Milliseconds. */
  latency?: { p50: number; p95: number; p99: number };
  /** Labels that come, per second, and the champion's mean loss. */
  labels?: { perSecond: number; loss: number };
}

/** Median times in milliseconds; Infinity where no amount of traffic would do. */
export interface MetricForecast {
  metric: string;
  /** To promote a version that is exactly as good as the champion, all steps. */
  promotes: number;
  /** To take out one that is worse by three margins, at the first step's share. */
  takesOut: number;
}

export interface Forecast {
  metrics: MetricForecast[];
  /** Slowest metric decides. */
  promotes: number;
  takesOut: number;
  /** True when `promotes` lies beyond the deadline. */
  willHold: boolean;
  /** "at 2 requests/s a 0.5 pp margin of errors can't be proven in 2 h (about 9 h): it will hold". */
  sentences: string[];
}

export type ForecastFunction = (policy: RolloutPolicy, traffic: Traffic) => Forecast;
