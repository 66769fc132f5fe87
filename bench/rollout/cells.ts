import type { ArmInterval, Cell } from "../../src/rollout/judge.ts";
import { LATENCY_BUCKETS, latencyBucket } from "../../src/serving/outcomes.ts";
import type { Arm } from "./play.ts";

/** What has come in since the last look, one cell for each share: the form in which a judge sees requests or labels. */
export class Cells {
  readonly #boxes = new Map<number, Box>();
  readonly #hasLatency: boolean;

  constructor(hasLatency: boolean) {
    this.#hasLatency = hasLatency;
  }

  at(share: number, arm: Arm): ArmBox {
    let box = this.#boxes.get(share);
    if (!box) {
      box = { share, champion: new ArmBox(this.#hasLatency), challenger: new ArmBox(this.#hasLatency) };
      this.#boxes.set(share, box);
    }
    return box[arm];
  }

  /** The cells in which anything happened or is under way; starts the next interval. */
  take(): Cell[] {
    const cells: Cell[] = [];
    for (const { share, champion, challenger } of this.#boxes.values()) {
      if (champion.isEmpty && challenger.isEmpty) continue;
      cells.push({ share, champion: champion.take(), challenger: challenger.take() });
    }
    return cells;
  }
}

interface Box {
  share: number;
  champion: ArmBox;
  challenger: ArmBox;
}

/** One arm's counters. */
export class ArmBox {
  pending = 0;
  #ended = 0;
  #loss = 0;
  #aborted = 0;
  readonly #latency: Histogram | null;
  readonly #abortedLatency: Histogram | null;

  constructor(hasLatency: boolean) {
    this.#latency = hasLatency ? new Histogram() : null;
    this.#abortedLatency = hasLatency ? new Histogram() : null;
  }

  get isEmpty(): boolean {
    return this.#ended === 0 && this.#aborted === 0 && this.pending === 0;
  }

  end(loss: number, latency: number): void {
    this.#ended++;
    this.#loss += loss;
    this.#latency?.add(latency);
  }

  /** Several at once, where no latency is asked for. */
  endAll(units: number, loss: number): void {
    this.#ended += units;
    this.#loss += loss;
  }

  abort(latency: number): void {
    this.#aborted++;
    this.#abortedLatency?.add(latency);
  }

  take(): ArmInterval {
    const interval: ArmInterval = {
      ended: this.#ended,
      loss: this.#loss,
      pending: this.pending,
      aborted: this.#aborted,
    };
    if (this.#latency) interval.latency = this.#latency.take();
    if (this.#abortedLatency) interval.abortedLatency = this.#abortedLatency.take();
    this.#ended = this.#loss = this.#aborted = 0;
    return interval;
  }
}

/** Counts by latency bucket, sparse when taken. */
class Histogram {
  readonly #counts = new Int32Array(LATENCY_BUCKETS);
  #touched: number[] = [];

  add(milliseconds: number): void {
    const bucket = latencyBucket(milliseconds);
    if (this.#counts[bucket]!++ === 0) this.#touched.push(bucket);
  }

  take(): [bucket: number, count: number][] {
    if (this.#touched.length === 0) return [];
    const touched = this.#touched.sort((a, b) => a - b);
    this.#touched = [];
    return touched.map((bucket) => {
      const count = this.#counts[bucket]!;
      this.#counts[bucket] = 0;
      return [bucket, count];
    });
  }
}
