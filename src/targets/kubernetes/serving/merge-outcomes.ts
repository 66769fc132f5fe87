import type { LogCounter, OutcomeReport } from "../../../serving/outcomes.ts";

/**
 * Counters of several processes as one report that never goes back. Every cell is of one incarnation and stands in it
 * once, whichever pod told of it and however often; what a process that is gone told last stays.
 */
export class OutcomeMerge {
  readonly #incarnation: string;
  /** By pod: what its present process told last. */
  readonly #living = new Map<string, OutcomeReport>();
  /** By incarnation. */
  readonly #gone = new Map<string, OutcomeReport>();

  /** @param incarnation of this sum: another one means that it may begin at other numbers */
  constructor(incarnation: string, gone: readonly OutcomeReport[] = []) {
    this.#incarnation = incarnation;
    for (const report of gone) this.#gone.set(report.incarnation, report);
  }

  /** Takes what a pod says. Answers what is to be kept: of the process that was there before, when it is another one now. */
  observe(pod: string, report: OutcomeReport): OutcomeReport | undefined {
    const before = this.#living.get(pod);
    // An answer that was overtaken by a later one, or comes from a process that was replaced since.
    if (this.#gone.has(report.incarnation) && before?.incarnation !== report.incarnation) return undefined;
    if (before?.incarnation === report.incarnation && before.at > report.at) return undefined;
    this.#living.set(pod, report);
    return before === undefined || before.incarnation === report.incarnation ? undefined : this.#end(before);
  }

  /** A pod is gone; answers what is to be kept. */
  leave(pod: string): OutcomeReport | undefined {
    const before = this.#living.get(pod);
    this.#living.delete(pod);
    return before && this.#end(before);
  }

  /** Of processes that go on and of those that are gone. */
  all(): OutcomeReport[] {
    return [...this.#gone.values(), ...this.#living.values()];
  }

  /** Says anew what processes that are gone had counted; answers the reports that became others. */
  rewriteGone(change: (report: OutcomeReport) => OutcomeReport | undefined): OutcomeReport[] {
    const changed = [...this.#gone.values()].flatMap((report) => change(report) ?? []);
    for (const report of changed) this.#gone.set(report.incarnation, report);
    return changed;
  }

  /** @param at milliseconds since the epoch */
  report(at: number): OutcomeReport {
    const all = this.all();
    return {
      at,
      incarnation: this.#incarnation,
      living: [...this.#living.values()].map(({ incarnation }) => incarnation),
      counters: all.flatMap(({ counters }) => counters),
      shadows: all.flatMap(({ shadows }) => shadows),
      logs: sumOfLogs(all),
    };
  }

  #end(report: OutcomeReport): OutcomeReport {
    this.#gone.set(report.incarnation, report);
    return report;
  }
}

function sumOfLogs(reports: readonly OutcomeReport[]): LogCounter[] {
  const sums = new Map<string, LogCounter>();
  for (const { service, logged, dropped } of reports.flatMap(({ logs = [] }) => logs)) {
    const sum = sums.get(service) ?? { service, logged: 0, dropped: 0 };
    sums.set(service, { service, logged: sum.logged + logged, dropped: sum.dropped + dropped });
  }
  return [...sums.values()];
}
