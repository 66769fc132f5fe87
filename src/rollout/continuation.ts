import type { ReadTx } from "../store/database.ts";
import type { RolloutRequest } from "./request.ts";
import { selectContracts } from "./rows.ts";
import type { Rollout } from "./state.ts";
import { completePolicy } from "./stored-policy.ts";

/** Earlier trials that are looked through. */
const MOST_TRIALS = 200;

/** Evidence of an earlier trial. */
export interface EarlierEvidence {
  rolloutId: string;
  /** The judge's, as JSON. */
  state: string;
  /** True when copies of requests have part in it. */
  hadCopies: boolean;
}

/**
 * The newest trial of the same model against the same champion by the same metrics and rates: what was on trial then
 * goes on from that evidence, since otherwise pushing it until it passes would do. The same means the same files, by
 * the hash of the contract check, whatever version they are registered as.
 */
export async function earlierEvidence(tx: ReadTx, rollout: Rollout): Promise<EarlierEvidence | null> {
  if (rollout.champion === null) return null;
  const contracts = await selectContracts(tx, rollout.service);
  const isSame = (one: number | null, other: number | null): boolean => {
    if (one === null || other === null) return false;
    const files = contracts.get(one)?.sha256 ?? "";
    return one === other || (files !== "" && files === contracts.get(other)?.sha256);
  };
  const trials = await tx.all<{ id: string; version: number; champion: number | null; request: string }>(
    `SELECT id, version, champion, request FROM rollouts WHERE service = ? AND id <> ? AND judge_state IS NOT NULL
     ORDER BY seq DESC LIMIT ?`,
    [rollout.service, rollout.id, MOST_TRIALS],
  );
  const rules = rulesOf(rollout.request);
  const earlier = trials.find(
    (trial) =>
      isSame(Number(trial.version), rollout.version) &&
      isSame(trial.champion === null ? null : Number(trial.champion), rollout.champion) &&
      rulesOf(JSON.parse(trial.request) as RolloutRequest) === rules,
  );
  if (!earlier) return null;
  const row = await tx.get<{ judge_state: string }>("SELECT judge_state FROM rollouts WHERE id = ?", [
    earlier.id,
  ]);
  const copies = await tx.get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM rollout_epochs WHERE rollout_id = ? AND shadow IS NOT NULL",
    [earlier.id],
  );
  return row
    ? { rolloutId: earlier.id, state: row.judge_state, hadCopies: Number(copies?.count ?? 0) > 0 }
    : null;
}

/** What evidence was collected by. */
function rulesOf(request: RolloutRequest): string {
  const { metrics, falseRollbackRate, falsePromotionRate } = completePolicy(request.policy);
  const sorted = metrics.map((metric) => Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([sorted, falseRollbackRate, falsePromotionRate]);
}
