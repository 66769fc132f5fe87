import type { HistogramCounts } from "../../monitoring/power-histogram.ts";
import { PowerHistogram } from "../../monitoring/power-histogram.ts";
import type { RunTiming } from "../frames.ts";

/** Times from 64 us to 67 s, runs of 1 to 256 requests. */
const FIRST_TIME = 6;
const TIMES = 21;
const SIZES = 9;
const MICROSECONDS = 1e-6;

export interface RunFigures {
  /** Seconds. */
  queue: HistogramCounts;
  /** Seconds. */
  compute: HistogramCounts;
  /** Requests of a run. */
  batch: HistogramCounts;
}

/** Of one variant: how long its requests waited, how long the model ran for them, and how many a run joined. */
export class RunMeter {
  readonly #queue = new PowerHistogram(FIRST_TIME, TIMES);
  readonly #compute = new PowerHistogram(FIRST_TIME, TIMES);
  readonly #batch = new PowerHistogram(0, SIZES);

  /** @param waitedMs before a worker had it */
  add(waitedMs: number, { queuedMicros, computeMicros, batch, isFirst }: RunTiming): void {
    if (batch === 0) return;
    this.#queue.add(queuedMicros + Math.round(Math.max(0, waitedMs) * 1_000));
    this.#compute.add(computeMicros);
    if (isFirst) this.#batch.add(batch);
  }

  read(): RunFigures {
    return {
      queue: this.#queue.read(MICROSECONDS),
      compute: this.#compute.read(MICROSECONDS),
      batch: this.#batch.read(),
    };
  }
}
