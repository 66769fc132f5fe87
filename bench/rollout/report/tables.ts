import { quantile } from "../confidence.ts";
import type { Row, Section } from "../jobs/job.ts";
import { RULES, STREAMS } from "../jobs/peers.ts";
import { policy } from "../policies.ts";
import type { Result } from "../pool.ts";
import { grouped, median, percent, share, standing, time } from "./figures.ts";

export interface Table {
  title: string;
  /** What a reader must know, one sentence or two each. */
  notes: string[];
  /** The first one is the header. */
  rows: string[][];
  /** False where a declared rate wasn't kept, or a broken test wasn't caught; absent: nothing is promised. */
  isKept?: boolean;
}

const { falseRollbackRate, falsePromotionRate } = policy([]);

/** Tables of the sections that were played, in the order of the page. */
export function sectionTables(results: readonly Result[]): Table[] {
  const of = (section: Section) => results.filter(({ job }) => job.section === section);
  const tables: Table[] = [];
  const add = (section: Section, make: (results: Result[]) => Table) => {
    const own = of(section);
    if (own.length > 0) tables.push(make(own));
  };
  add("validity", validity);
  add("broken", broken);
  add("workers", workers);
  add("speed", speed);
  add("promotion", promotion);
  add("peers", equalPeers);
  add("peers", faultyPeers);
  return tables.filter(({ rows }) => rows.length > 1);
}

const isRolledBack = (row: Row) => row.rolledBackAt !== null;
const isPromoted = (row: Row) => row.promotedAt !== null;

function validity(results: Result[]): Table {
  let isKept = true;
  const rows = results.map(({ job, rows }) => {
    const back = share(rows, isRolledBack);
    const let_in = job.tags.margin === "at" ? share(rows, isPromoted) : null;
    const standings = [standing(back, falseRollbackRate)];
    if (let_in) standings.push(standing(let_in, falsePromotionRate));
    if (standings.includes("over")) isKept = false;
    return [
      job.title,
      String(job.tags.rate),
      grouped(rows.length),
      percent(back.rate),
      percent(back.high),
      let_in ? percent(let_in.rate) : "",
      let_in ? percent(let_in.high) : "",
      standings.includes("over") ? "OVER" : standings.includes("open") ? "open" : "under",
    ];
  });
  return {
    title: "Validity: how often a version within its margins is taken out, or one at its margin is let in",
    notes: [
      `Declared: ${percent(falseRollbackRate, 0)} false rollbacks, ${percent(falsePromotionRate, 0)} false promotions; whole rollout of two hours, steps 5/25/50, a look at every request and every label; the rows at 100 requests/s are judged from counts. "Up to" is the upper end of the one-sided 95 % Clopper-Pearson interval; "open": not rollouts enough to say.`,
      "A promotion is noted, but doesn't end the rollout: the challenger is watched on at the last step until the deadline, which the product does only while it waits for an approval.",
    ],
    rows: [
      ["scenario", "requests/s", "rollouts", "rolled back", "up to", "promoted", "up to", "declared rate"],
      ...rows,
    ],
    isKept,
  };
}

function broken(results: Result[]): Table {
  let isKept = true;
  const rows = results.map(({ job, rows }) => {
    const back = share(rows, isRolledBack);
    const let_in = job.tags.margin === "at" ? share(rows, isPromoted) : null;
    const isCaught =
      standing(back, falseRollbackRate) === "over" ||
      (let_in !== null && standing(let_in, falsePromotionRate) === "over");
    if (!isCaught && rows.length >= 100) isKept = false;
    return [
      job.title,
      grouped(rows.length),
      percent(back.rate, 1),
      let_in ? percent(let_in.rate, 1) : "",
      isCaught ? "caught" : "not caught",
    ];
  });
  return {
    title: "Tests that are wrong on purpose, through the same simulation",
    notes: ["A simulation that lets these pass would prove nothing about the rows above."],
    rows: [["what is wrong", "rollouts", "rolled back", "promoted", ""], ...rows],
    isKept,
  };
}

function workers(results: Result[]): Table {
  const mean = (rows: readonly Row[], name: string) =>
    rows.reduce((sum, row) => sum + (row.means?.[name] ?? 0), 0) / rows.length;
  const rows = results.map(({ job, rows }) => {
    const back = share(rows, isRolledBack);
    return [
      job.title,
      grouped(rows.length),
      `${grouped(mean(rows, "champion"))} ms`,
      `${grouped(mean(rows, "challenger"))} ms`,
      percent(back.rate, 1),
      percent(back.high, 1),
    ];
  });
  return {
    title: "Equal models, queues of their own",
    notes: [
      "Outside the declared rate. Each arm has a queue of its own workers and heavy-tailed work: requests behind a long one wait together, and fewer workers wait longer. That is a real difference in latency between the variants, and no longer one that each request draws for itself.",
    ],
    rows: [["workers", "rollouts", "champion's p95", "challenger's p95", "rolled back", "up to"], ...rows],
  };
}

function speed(results: Result[]): Table {
  const atStart = new Map(
    results.map(({ job, rows }) => [job.name, median(rows, (row) => row.rolledBackAt)]),
  );
  const rows = results.map(({ job, rows }) => {
    const begins = Number(job.tags.begins);
    const since = (row: Row) =>
      row.rolledBackAt === null || row.rolledBackAt < begins ? null : row.rolledBackAt - begins;
    const found = share(rows, (row) => since(row) !== null);
    const own = median(rows, since);
    const sprt = median(rows, (row) => row.sprtAt ?? null);
    const compared =
      begins > 0
        ? atStart.get(`speed/${String(job.tags.fault).replace("late-", "")}/${job.tags.rate}`)
        : sprt;
    return [
      job.title,
      grouped(Number(job.tags.rate)),
      percent(found.rate, 0),
      time(own),
      time(quantile(rows.map(since), 0.95)),
      Number.isFinite(own) ? grouped(median(rows, (row) => row.bad)) : "",
      begins > 0 ? "" : time(sprt),
      begins > 0
        ? ""
        : time(
            quantile(
              rows.map((row) => row.sprtAt ?? null),
              0.95,
            ),
          ),
      ratio(own, compared),
    ];
  });
  return {
    title: "Speed: from a fault to its rollback",
    notes: [
      "Share 10 %, three metrics that share the 1 %, margins 0.5 pp, 20 % and 1 pp; looks every 200 ms (every second at 1 and 10 requests/s). SPRT: Wald's test that knows both rates, against the hardest point of the same null hypothesis at the same error rate (a third of 1 %), looking at the same moments. Ratio of the medians, target at most 1.5; of the late fault to the same fault at the start, target at most 2.5. Of latency the log-normal sigma is 0.5. A dash: not in the two hours that a rollout has.",
    ],
    rows: [
      ["fault", "requests/s", "found", "median", "95 %", "bad answers", "SPRT median", "95 %", "ratio"],
      ...rows,
    ],
  };
}

function ratio(own: number, other: number | undefined): string {
  return other !== undefined && Number.isFinite(own) && Number.isFinite(other)
    ? (own / other).toFixed(2)
    : "";
}

function promotion(results: Result[]): Table {
  const rows = results.map(({ job, rows }) => [
    job.title,
    `${job.tags.steps} %`,
    percent(share(rows, isPromoted).rate, 0),
    time(median(rows, (row) => row.promotedAt)),
    time(
      quantile(
        rows.map((row) => row.promotedAt),
        0.95,
      ),
    ),
  ]);
  return {
    title: "Time to the promotion of an equal version",
    notes: ["100 requests/s, looks every 200 ms. One share alone, except for the last row."],
    rows: [["metric", "share", "promoted in 2 h", "median", "95 %"], ...rows],
  };
}

function cell(results: readonly Result[], stream: string, rule: string): Row[] {
  return results.find(({ job }) => job.tags.stream === stream && job.tags.rule === rule)?.rows ?? [];
}

const PEER_NOTE =
  "The same requests for all, each routed by the rule's own shares: 10 a second unless said otherwise, latency log-normal with a median of 50 ms. Slipway: steps 5/25/50, errors within 0.5 pp and 95th percentile within 20 %, 1 % false rollbacks declared. Sources and assumptions of the peers' rules: bench/rollout/peers.";

function equalPeers(results: Result[]): Table {
  const streams = STREAMS.filter(
    ({ name, isFaulty }) => !isFaulty && cell(results, name, "slipway").length > 0,
  );
  const rows = streams.map(({ name, title }) => [
    title,
    ...RULES.map((rule) => {
      const rows = cell(results, name, rule.name);
      if (rows.length === 0) return "";
      const held = share(rows, (row) => !isRolledBack(row) && !isPromoted(row));
      const back = percent(share(rows, isRolledBack).rate, 1);
      return held.hits === 0 ? back : `${back} (${percent(held.rate, 0)} undecided)`;
    }),
  ]);
  return {
    title: "Peers: equal versions taken out",
    notes: [PEER_NOTE],
    rows: [["stream", ...RULES.map(({ title }) => title)], ...rows],
  };
}

function faultyPeers(results: Result[]): Table {
  const streams = STREAMS.filter(
    ({ name, isFaulty }) => isFaulty && cell(results, name, "slipway").length > 0,
  );
  const rows = streams.map(({ name, title }) => [
    title,
    ...RULES.map((rule) => {
      const rows = cell(results, name, rule.name);
      if (rows.length === 0) return "";
      const found = rows.filter(isRolledBack);
      const letIn = share(rows, isPromoted);
      const first = percent(found.length / rows.length, 0);
      const when = found.length === 0 ? "" : `, ${time(median(found, (row) => row.rolledBackAt))}`;
      const bad = found.length === 0 ? "" : `, ${grouped(median(found, (row) => row.bad))} bad`;
      return `${first}${when}${bad}${letIn.hits === 0 ? "" : `; ${percent(letIn.rate, 0)} let in`}`;
    }),
  ]);
  return {
    title: "Peers: faults found",
    notes: [
      'Share of rollouts that took the fault out, median time and failed answers given until then; "let in": promoted with the fault. The rest was undecided at the deadline, and held.',
    ],
    rows: [["fault", ...RULES.map(({ title }) => title)], ...rows],
  };
}
