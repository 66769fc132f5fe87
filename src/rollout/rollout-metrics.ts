import type { MetricSource } from "../monitoring/metrics-routes.ts";
import type { Database } from "../store/database.ts";
import type { StoredJudgement } from "./stored-judgement.ts";

interface StateRow {
  service: string;
  state: string;
  n: number;
}

interface JudgedRow {
  service: string;
  version: number;
  judgement: string;
}

const ENDED = "('promoted', 'rolledback', 'superseded')";

/** How many rollouts are in each state, and the verdicts of those under way. */
export function rolloutMetrics(db: Pick<Database, "read">): MetricSource {
  return async (page) => {
    const { states, judged } = await db.read(async (tx) => ({
      states: await tx.all<StateRow>(
        "SELECT service, state, COUNT(*) AS n FROM rollouts GROUP BY service, state ORDER BY service, state",
      ),
      judged: await tx.all<JudgedRow>(
        `SELECT service, version, judgement FROM rollouts
         WHERE state NOT IN ${ENDED} AND judgement IS NOT NULL ORDER BY service, seq`,
      ),
    }));
    for (const { service, state, n } of states) page.add("slipway_rollouts", { service, state }, Number(n));
    // By service, so that there is one verdict on each metric: the newest rollout's.
    for (const { service, version, judgement } of new Map(judged.map((row) => [row.service, row])).values())
      for (const { metric, verdict } of (JSON.parse(judgement) as StoredJudgement).metrics)
        page.add("slipway_rollout_verdict", { service, version: Number(version), metric, verdict }, 1);
  };
}
