import { quantile } from "../load/numbers.ts";
import type { OpenLoopResult } from "../load/open-loop.ts";
import { table } from "./terminal.ts";

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999, 1] as const;
/** A client that looks later than this at one of a hundred requests measures itself. */
const LATE_MS = 5;
const BUSY = 0.9;

/** What a load test found, as `--json` prints it. Latencies in milliseconds, null where nothing answered. */
export interface LoadReport {
  rate: { asked: number; had: number };
  seconds: number;
  requests: { due: number; good: number; dropped: number; waitedForConnection: number };
  statuses: Record<string, number>;
  variants: Record<string, number>;
  failures: Record<string, number>;
  latency: Record<"p50" | "p90" | "p95" | "p99" | "p99.9" | "max", number | null>;
  client: { keptUp: boolean; lateP99: number | null; lateMax: number | null; cpu: number };
}

/** @param rate that was asked for, in requests a second */
export function loadReport(result: OpenLoopResult, rate: number): LoadReport {
  const { due, statuses, variants, failures, dropped, waited, latencies, lags, seconds, cpuSeconds } = result;
  const at = (sorted: Float64Array, q: number) => rounded(quantile(sorted, q));
  const cpu = seconds > 0 ? cpuSeconds / seconds : 0;
  const lateP99 = at(lags, 0.99);
  return {
    rate: { asked: rate, had: rounded(seconds > 0 ? latencies.length / seconds : 0) ?? 0 },
    seconds: rounded(seconds) ?? 0,
    requests: { due, good: latencies.length, dropped, waitedForConnection: waited },
    statuses: Object.fromEntries(statuses),
    variants: Object.fromEntries(variants),
    failures: Object.fromEntries(failures),
    latency: {
      p50: at(latencies, 0.5),
      p90: at(latencies, 0.9),
      p95: at(latencies, 0.95),
      p99: at(latencies, 0.99),
      "p99.9": at(latencies, 0.999),
      max: at(latencies, 1),
    },
    client: {
      keptUp: (lateP99 ?? 0) <= LATE_MS && cpu <= BUSY,
      lateP99,
      lateMax: at(lags, 1),
      cpu: rounded(cpu) ?? 0,
    },
  };
}

/** For people; ends with what casts doubt on the figures. */
export function formatLoad(report: LoadReport, connections: number): string {
  const { rate, seconds, requests, statuses, variants, failures, latency, client } = report;
  const counts = [
    ...Object.entries(statuses).map(([status, count]) => [`status ${status}`, String(count)]),
    ...Object.entries(failures).map(([reason, count]) => [`no answer (${reason})`, String(count)]),
    ...(requests.dropped > 0 ? [["not sent (too many waited)", String(requests.dropped)]] : []),
    ...Object.entries(variants).map(([version, count]) => [
      version === "" ? "good, version not said" : `good, by version ${version}`,
      String(count),
    ]),
  ];
  const names = QUANTILES.map((q) => (q === 1 ? "max" : `p${q * 100}`)) as (keyof typeof latency)[];
  const doubts = doubtsOf(report, connections);
  return `${requests.due} requests were due in ${seconds} s: ${rate.asked}/s asked for, ${rate.had}/s answered well

${table(["requests", "count"], counts)}
${table(
  ["latency from when it was due", ...names],
  [["milliseconds", ...names.map((name) => String(latency[name] ?? "-"))]],
)}
client: late by ${client.lateP99 ?? "-"} ms at p99, ${client.lateMax ?? "-"} ms at most; ${Math.round(client.cpu * 100)} % of a processor
${doubts.map((doubt) => `! ${doubt}\n`).join("")}`;
}

function doubtsOf({ requests, client }: LoadReport, connections: number): string[] {
  const doubts: string[] = [];
  if (!client.keptUp)
    doubts.push(
      "This client couldn't keep up: the latencies above are partly its own. Ask for less, or load from more machines.",
    );
  if (requests.waitedForConnection > 0)
    doubts.push(
      `${requests.waitedForConnection} requests waited for one of ${connections} connections, which counts as latency: the server is slower than the rate needs, or give more --connections.`,
    );
  return doubts;
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : null;
}
