import type { OutcomeCounter } from "../outcomes.ts";
import type { Assignment } from "./assign.ts";
import { LatencyCounts } from "./latency-counts.ts";

/** Epochs kept per service: more commits than a trial makes between two looks at the counters. */
const MAX_EPOCHS = 64;
/** Of a service: an epoch has two arms, and a sticky one also a share for each step that its callers came from. */
const MAX_CELLS = 4 * MAX_EPOCHS;

/**
 * Latencies of a trial's first seconds are kept apart, in both arms alike: a worker that has just begun shares the
 * machine with what brought it there, and its first answers tell of that and not of the model. Failures count at once.
 */
const WARM_UP_MS = 3_000;

export interface OutcomeCell {
  readonly assignment: Assignment;
  /** What it was counted into since; units that were under way then are counted there too. */
  into?: OutcomeCell;
  readonly trial: Trial | undefined;
  started: number;
  finished: number;
  failed: number;
  aborted: number;
  fellBack: number;
  leftFailed: number;
  stopped: number;
  readonly latency: LatencyCounts;
  readonly abortedLatency: LatencyCounts;
  readonly warmUp: LatencyCounts;
}

interface Trial {
  challenger: number;
  /** In the counters' ticks. */
  warmUntil: number;
}

/** Counts what became of units; nothing here is ever taken back. */
export class OutcomeCounters {
  readonly incarnation: string;
  readonly #services = new Map<string, Map<string, OutcomeCell>>();
  readonly #trials = new Map<string, Trial>();
  readonly #ticks: () => number;
  readonly #warmUpMs: number;

  /** @param ticks milliseconds of a clock that never goes back */
  constructor(incarnation: string, ticks: () => number, warmUpMs = WARM_UP_MS) {
    this.incarnation = incarnation;
    this.#ticks = ticks;
    this.#warmUpMs = warmUpMs;
  }

  start(service: string, assignment: Assignment): OutcomeCell {
    const cell = this.#cell(service, assignment);
    cell.started += 1;
    return cell;
  }

  finish(begun: OutcomeCell, failed: boolean, milliseconds: number): void {
    const cell = present(begun);
    cell.finished += 1;
    if (failed) cell.failed += 1;
    (this.#isWarmUp(cell, milliseconds) ? cell.warmUp : cell.latency).add(milliseconds);
  }

  /** The challenger failed, and the champion answered in its stead; both tries took so long. */
  fallBack(cell: OutcomeCell, milliseconds: number): void {
    this.finish(cell, true, milliseconds);
    present(cell).fellBack += 1;
  }

  /** @param milliseconds that the caller had waited */
  abort(begun: OutcomeCell, milliseconds: number): void {
    const cell = present(begun);
    cell.aborted += 1;
    this.#waited(cell, milliseconds);
  }

  /** The challenger failed, and the caller went away while the champion was asked. @param milliseconds that it had waited */
  leaveFailed(begun: OutcomeCell, milliseconds: number): void {
    const cell = present(begun);
    cell.finished += 1;
    cell.failed += 1;
    cell.leftFailed += 1;
    this.#waited(cell, milliseconds);
  }

  /** The platform ended it itself: that is neither an outcome nor anything that a caller did. */
  stop(cell: OutcomeCell): void {
    present(cell).stopped += 1;
  }

  #waited(cell: OutcomeCell, milliseconds: number): void {
    if (!this.#isWarmUp(cell, milliseconds)) cell.abortedLatency.add(milliseconds);
  }

  /**
   * What was counted under an epoch, and what of it is still under way, is counted under another one and with that share
   * from now on. Nothing happens where nothing was counted under it.
   */
  settle(service: string, from: string, to: { epoch: string; share: number }): void {
    const cells = this.#services.get(service);
    for (const [key, cell] of cells ?? []) {
      if (cell.assignment.epoch !== from) continue;
      cells?.delete(key);
      const target = this.#cell(service, { ...cell.assignment, ...to });
      addCounts(target, cell);
      cell.into = target;
    }
  }

  report(): OutcomeCounter[] {
    const counters: OutcomeCounter[] = [];
    for (const [service, cells] of this.#services)
      for (const cell of cells.values()) counters.push(this.#counter(service, cell));
    return counters;
  }

  #isWarmUp({ trial }: OutcomeCell, milliseconds: number): boolean {
    return trial !== undefined && this.#ticks() - milliseconds < trial.warmUntil;
  }

  /**
   * The trial that an assignment belongs to; it begins with the first unit that is drawn in it, a copy or not, and is over
   * with the first one without a challenger: the same version tried again has a new worker.
   */
  #trial(service: string, challenger: number | undefined): Trial | undefined {
    if (challenger === undefined) {
      this.#trials.delete(service);
      return undefined;
    }
    let trial = this.#trials.get(service);
    if (trial?.challenger !== challenger) {
      trial = { challenger, warmUntil: this.#ticks() + this.#warmUpMs };
      this.#trials.set(service, trial);
    }
    return trial;
  }

  #cell(service: string, assignment: Assignment): OutcomeCell {
    let cells = this.#services.get(service);
    if (cells === undefined) this.#services.set(service, (cells = new Map()));
    // The share belongs to the name: a rule may be said again with another one, and cells must not mix shares.
    const key = `${assignment.epoch} ${assignment.arm} ${assignment.version} ${assignment.share}`;
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = {
        assignment,
        trial: this.#trial(service, assignment.onTrial),
        started: 0,
        finished: 0,
        failed: 0,
        aborted: 0,
        fellBack: 0,
        leftFailed: 0,
        stopped: 0,
        latency: new LatencyCounts(),
        abortedLatency: new LatencyCounts(),
        warmUp: new LatencyCounts(),
      };
      cells.set(key, cell);
      const [oldest] = cells.keys();
      if (cells.size > MAX_CELLS && oldest !== undefined) cells.delete(oldest);
    }
    return cell;
  }

  #counter(service: string, cell: OutcomeCell): OutcomeCounter {
    const { version, arm, epoch, share } = cell.assignment;
    return {
      service,
      version,
      arm,
      epoch,
      share,
      incarnation: this.incarnation,
      started: cell.started,
      finished: cell.finished,
      failed: cell.failed,
      aborted: cell.aborted,
      fellBack: cell.fellBack,
      leftFailed: cell.leftFailed,
      stopped: cell.stopped,
      latency: cell.latency.histogram(),
      abortedLatency: cell.abortedLatency.histogram(),
      warmUp: cell.warmUp.histogram(),
    };
  }
}

function present(cell: OutcomeCell): OutcomeCell {
  let found = cell;
  while (found.into !== undefined) found = found.into;
  return found;
}

function addCounts(target: OutcomeCell, cell: OutcomeCell): void {
  for (const name of COUNTS) target[name] += cell[name];
  for (const name of LATENCIES) target[name].addAll(cell[name]);
}

const COUNTS = ["started", "finished", "failed", "aborted", "fellBack", "leftFailed", "stopped"] as const;
const LATENCIES = ["latency", "abortedLatency", "warmUp"] as const;
