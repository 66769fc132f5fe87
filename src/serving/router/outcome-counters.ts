import type { OutcomeCounter, OutcomeReport } from "../outcomes.ts";
import type { Assignment } from "./assign.ts";

/** Upper bounds of the latency histogram in milliseconds; the thresholds of `slower` are the same. */
export const LATENCY_BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/** Epochs kept per service: more commits than a trial makes between two looks at the counters. */
const MAX_EPOCHS = 64;

export interface OutcomeCell {
  readonly assignment: Assignment;
  started: number;
  finished: number;
  failed: number;
  aborted: number;
  /** Finished ones by bound; the last is beyond all bounds. */
  readonly counts: number[];
  /** Milliseconds. */
  sum: number;
}

/** Counts what became of units; nothing here is ever taken back. */
export class OutcomeCounters {
  readonly #incarnation: string;
  readonly #services = new Map<string, Map<string, OutcomeCell>>();

  constructor(incarnation: string) {
    this.#incarnation = incarnation;
  }

  start(service: string, assignment: Assignment): OutcomeCell {
    const cell = this.#cell(service, assignment);
    cell.started += 1;
    return cell;
  }

  finish(cell: OutcomeCell, failed: boolean, milliseconds: number): void {
    cell.finished += 1;
    if (failed) cell.failed += 1;
    const found = LATENCY_BOUNDS_MS.findIndex((bound) => milliseconds <= bound);
    const index = found === -1 ? LATENCY_BOUNDS_MS.length : found;
    cell.counts[index] = (cell.counts[index] ?? 0) + 1;
    cell.sum += milliseconds;
  }

  abort(cell: OutcomeCell): void {
    cell.aborted += 1;
  }

  report(at: number): OutcomeReport {
    const counters: OutcomeCounter[] = [];
    for (const [service, cells] of this.#services)
      for (const cell of cells.values()) counters.push(this.#counter(service, cell));
    return { at, incarnation: this.#incarnation, counters };
  }

  #cell(service: string, assignment: Assignment): OutcomeCell {
    let cells = this.#services.get(service);
    if (cells === undefined) this.#services.set(service, (cells = new Map()));
    // The share belongs to the name: a rule may be said again with another one, and cells must not mix shares.
    const key = `${assignment.epoch} ${assignment.arm} ${assignment.version} ${assignment.share}`;
    let cell = cells.get(key);
    if (cell === undefined) {
      const counts = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
      cell = { assignment, started: 0, finished: 0, failed: 0, aborted: 0, counts, sum: 0 };
      cells.set(key, cell);
      const [oldest] = cells.keys();
      if (cells.size > 2 * MAX_EPOCHS && oldest !== undefined) cells.delete(oldest);
    }
    return cell;
  }

  #counter(service: string, cell: OutcomeCell): OutcomeCounter {
    const slower: Record<string, number> = {};
    let beyond = cell.finished;
    for (const [index, bound] of LATENCY_BOUNDS_MS.entries())
      slower[String(bound)] = beyond -= cell.counts[index] ?? 0;
    return {
      service,
      ...cell.assignment,
      incarnation: this.#incarnation,
      started: cell.started,
      finished: cell.finished,
      failed: cell.failed,
      aborted: cell.aborted,
      slower,
      latency: {
        le: LATENCY_BOUNDS_MS.map((bound) => bound / 1_000),
        counts: [...cell.counts],
        sum: cell.sum / 1_000,
      },
    };
  }
}
