import type { Gate } from "../spec/project.ts";

export interface GateFailure {
  metric: string;
  /** One sentence with the numbers. */
  message: string;
}

export interface GateReport {
  failures: GateFailure[];
  /** One line per gate that passed, or that had nothing to compare with, with the numbers. */
  passed: string[];
}

/** The champion's metrics, or undefined while the model has none. */
export interface ChampionMetrics {
  version: number;
  metrics: Record<string, number>;
}

/**
 * Judges the metrics of a tracking run by a model's gates. A metric that was never logged fails, and so does
 * NaN. A comparison with a champion that doesn't exist, or that never logged the metric, has nothing to
 * compare with and lets the version through: a new gate must not block every push for ever. It says so.
 */
export function evaluateGates(
  gates: readonly Gate[],
  metrics: Record<string, number>,
  champion: ChampionMetrics | undefined,
): GateReport {
  const report: GateReport = { failures: [], passed: [] };
  for (const gate of gates) {
    const value = metrics[gate.metric];
    if (value === undefined)
      report.failures.push({ metric: gate.metric, message: neverLogged(gate.metric, Object.keys(metrics)) });
    else judge(gate, value, champion, report);
  }
  return report;
}

function judge(gate: Gate, value: number, champion: ChampionMetrics | undefined, report: GateReport): void {
  const { metric } = gate;
  const fail = (rule: string): void => {
    report.failures.push({ metric, message: `${metric} is ${show(value)}, ${rule}` });
  };
  const pass = (rule: string): void => {
    report.passed.push(`${metric} is ${show(value)}, ${rule}`);
  };
  if ("min" in gate) {
    // Written so that NaN fails.
    if (value >= gate.min) pass(`at least ${show(gate.min)}`);
    else fail(`the gate asks for at least ${show(gate.min)}`);
  } else if ("max" in gate) {
    if (value <= gate.max) pass(`at most ${show(gate.max)}`);
    else fail(`the gate asks for at most ${show(gate.max)}`);
  } else {
    const held = champion?.metrics[metric];
    if (Number.isNaN(value)) return fail("which can't be compared with the champion");
    if (champion === undefined) return pass("no champion to compare with yet");
    if (held === undefined || Number.isNaN(held))
      return pass(
        `champion version ${champion.version} never logged it, so there is nothing to compare with`,
      );
    const least = held - gate.atLeastChampionMinus;
    const how = `champion version ${champion.version} has ${show(held)}, so at least ${show(least)} is asked for`;
    // Binary fractions: 0.9 - 0.005 is a hair above 0.895.
    if (value >= least - 1e-12 * Math.max(1, Math.abs(least))) pass(how);
    else fail(how);
  }
}

function neverLogged(metric: string, logged: readonly string[]): string {
  if (logged.length === 0) return `${metric} was never logged; the tracking run has no metric at all`;
  const near = nearest(metric, logged);
  const shown = [...logged].sort().slice(0, 10).join(", ") + (logged.length > 10 ? ", …" : "");
  return `${metric} was never logged; logged: ${shown}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

/** The name that is fewest edits away, when that is no more than a third of its letters. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates.slice(0, 1000)) {
    const contained = candidate
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .includes(name.toLowerCase());
    const away = contained ? 1 : distance(name.toLowerCase(), candidate.toLowerCase());
    if (away < least) {
      least = away;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein's edit distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function show(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}
