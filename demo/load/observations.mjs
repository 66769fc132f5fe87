// What the client saw, and questions about it.

/** The version in `x-slipway-variant`: its last number. */
export function versionOf(variant) {
  const found = /(\d+)\D*$/.exec(variant ?? "");
  return found === null ? 0 : Number(found[1]);
}

const emptyTally = () => ({
  requests: 0,
  failed: 0,
  wrong: 0,
  right: 0,
  firstAt: null,
  firstRightAt: null,
  firstBadAt: null,
  lastEndedAt: null,
  statuses: {},
  problem: null,
  latencies: [],
});

/** Every request's record, kept in the order of its end. */
export class Observations {
  #records = [];

  /** `record`: { at, latencyMs, status, version, right, error? }; `at` is when it was sent, in ms since 1970. */
  add(record) {
    this.#records.push(record);
  }

  /**
   * Tallies of the requests sent in [from, to): `all`, and `byVersion`. A request without a version failed before it was
   * given to a variant. Bad is failed or wrong; p50 and p99 are latencies in ms.
   */
  tally({ from = 0, to = Infinity }) {
    const all = emptyTally();
    const byVersion = {};
    for (const record of this.#records) {
      if (record.at < from || record.at >= to) continue;
      count(all, record);
      count((byVersion[record.version] ??= emptyTally()), record);
    }
    for (const tally of [all, ...Object.values(byVersion)]) summarise(tally);
    return { all, byVersion };
  }
}

/** Quantiles instead of every latency. */
function summarise(tally) {
  const { latencies } = tally;
  latencies.sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? null;
  Object.assign(tally, { p50: quantile(0.5), p99: quantile(0.99) });
  delete tally.latencies;
}

function count(tally, record) {
  const endedAt = record.at + record.latencyMs;
  const isFailed = record.status !== 200;
  tally.requests++;
  tally.latencies.push(record.latencyMs);
  tally.statuses[record.status] = (tally.statuses[record.status] ?? 0) + 1;
  tally.firstAt = Math.min(tally.firstAt ?? Infinity, record.at);
  tally.lastEndedAt = Math.max(tally.lastEndedAt ?? 0, endedAt);
  if (isFailed) {
    tally.failed++;
    tally.problem ??= record.error ?? `status ${record.status}`;
  } else if (record.right) {
    tally.right++;
    tally.firstRightAt = Math.min(tally.firstRightAt ?? Infinity, endedAt);
  } else tally.wrong++;
  if (isFailed || !record.right) tally.firstBadAt = Math.min(tally.firstBadAt ?? Infinity, endedAt);
}
