import { nearest } from "../spec/nearest.ts";
import type { Gate } from "../spec/project.ts";

interface GateFailure {
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
  const part = logged.find((name) => name.split(/[^A-Za-z0-9]+/).includes(metric));
  const near = part ?? nearest(metric, logged);
  const shown = [...logged].sort().slice(0, 10).join(", ") + (logged.length > 10 ? ", …" : "");
  return `${metric} was never logged; logged: ${shown}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function show(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}
