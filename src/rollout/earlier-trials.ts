import type { RolloutMetric, RolloutPolicy } from "../spec/project.ts";
import type { ReadTx } from "../store/database.ts";
import type { Judgement } from "./judge.ts";
import type { RolloutRequest } from "./request.ts";
import { selectContracts } from "./rows.ts";
import type { Rollout, RolloutState } from "./state.ts";
import { counterparts } from "./statistics/going-on.ts";
import { completePolicy } from "./stored-policy.ts";

/** Earlier trials that are looked through. */
const MOST_TRIALS = 200;

/** Evidence of earlier trials. */
export interface EarlierEvidence {
  /** The newest one. */
  rolloutId: string;
  /** That something goes on from, newest first. */
  trials: EarlierRow[];
  /** True when copies of requests have part in it. */
  hadCopies: boolean;
}

interface EarlierRow {
  id: string;
  /** The judge's, as JSON. */
  state: string;
  metrics: readonly RolloutMetric[];
  isSafetySpent: boolean;
}

interface TrialRow {
  id: string;
  version: number;
  champion: number | null;
  request: string;
  state: RolloutState;
  reason: string | null;
  judgement: string | null;
  is_judged: number;
  deadline_at: number | null;
  ended_at: number | null;
}

/**
 * The trials of the same model against the same champion: what was on trial then goes on from that evidence, since
 * otherwise pushing it until it passes would do, and so would asking by a rule that differs a little. The same
 * means the same files, by the hash of the contract check, whatever version they are registered as. Of a metric the
 * newest trial that had it counts.
 */
export async function earlierEvidence(tx: ReadTx, rollout: Rollout): Promise<EarlierEvidence | null> {
  if (rollout.champion === null) return null;
  const trials: EarlierRow[] = [];
  let wanted: readonly RolloutMetric[] = completePolicy(rollout.request.policy).metrics;
  let isSafetySpent = false;
  for (const row of await sameTrials(tx, rollout)) {
    const policy = completePolicy((JSON.parse(row.request) as RolloutRequest).policy);
    isSafetySpent ||= await endedDespiteIt(tx, rollout.service, row, policy);
    if (Number(row.is_judged) === 0 || row.champion === null) continue;
    const found = counterparts(wanted, policy.metrics);
    if (trials.length > 0 && found.size === 0) continue;
    const { judge_state: state } = (await tx.get<{ judge_state: string }>(
      "SELECT judge_state FROM rollouts WHERE id = ?",
      [row.id],
    ))!;
    trials.push({ id: row.id, state, metrics: policy.metrics, isSafetySpent });
    wanted = wanted.filter(({ name }) => !found.has(name));
    if (wanted.length === 0) break;
  }
  const [newest] = trials;
  if (!newest) return null;
  return { rolloutId: newest.id, trials, hadCopies: await hadCopies(tx, trials) };
}

/** Newest first; those against no champion were never judged, and only tell how they ended. */
async function sameTrials(tx: ReadTx, rollout: Rollout): Promise<TrialRow[]> {
  const contracts = await selectContracts(tx, rollout.service);
  const isSame = (one: number | null, other: number | null): boolean => {
    if (one === null || other === null) return false;
    const files = contracts.get(one)?.sha256 ?? "";
    return one === other || (files !== "" && files === contracts.get(other)?.sha256);
  };
  const trials = await tx.all<TrialRow>(
    `SELECT id, version, champion, request, state, reason, judgement, deadline_at, ended_at,
       CASE WHEN judge_state IS NULL THEN 0 ELSE 1 END AS is_judged
     FROM rollouts WHERE service = ? AND id <> ? ORDER BY seq DESC LIMIT ?`,
    [rollout.service, rollout.id, MOST_TRIALS],
  );
  return trials.filter(
    ({ version, champion }) =>
      isSame(Number(version), rollout.version) &&
      (champion === null || isSame(Number(champion), rollout.champion)),
  );
}

/**
 * True when the version was taken out although its tests didn't: by the absolute guard, a person, a revert (of a trial
 * that a push took out, or of a promotion: otherwise it were no challenger again), or since it couldn't be loaded.
 */
async function endedDespiteIt(
  tx: ReadTx,
  service: string,
  row: TrialRow,
  policy: RolloutPolicy,
): Promise<boolean> {
  if (await isByHand(tx, row.id)) return true;
  if (row.champion === null) return false;
  if (row.state === "promoted") return true;
  if (row.state === "superseded") return isPushedOut(tx, service, row);
  return row.state === "rolledback" && !isForTime(row, policy);
}

async function isByHand(tx: ReadTx, rolloutId: string): Promise<boolean> {
  const asked = await tx.get<{ who: string }>(
    "SELECT who FROM rollout_audit WHERE rollout_id = ? AND what = 'rollback' LIMIT 1",
    [rolloutId],
  );
  return asked !== undefined;
}

/** True when the deadline took it out, as its project asks: there wasn't enough data, and there may be with this trial. */
function isForTime({ judgement, deadline_at, ended_at }: TrialRow, policy: RolloutPolicy): boolean {
  const judged = JSON.parse(judgement ?? "null") as Judgement | null;
  const isLate = deadline_at !== null && ended_at !== null && Number(ended_at) >= Number(deadline_at);
  return policy.onNotEnoughData === "rollback" && isLate && judged?.verdict !== "worse";
}

/** A rollout that a person's push has overruled keeps the commit as its reason. */
const BY_COMMIT = /^commit ([0-9a-z]{12}) by /;

async function isPushedOut(tx: ReadTx, service: string, { reason, version }: TrialRow): Promise<boolean> {
  const [, commit] = BY_COMMIT.exec(reason ?? "") ?? [];
  if (commit === undefined) return false;
  const said = await tx.get<{ challenger: number | null }>(
    "SELECT challenger FROM rollout_history WHERE service = ? AND substr(commit_id, 1, 12) = ?",
    [service, commit],
  );
  return said !== undefined && (said.challenger === null || Number(said.challenger) !== Number(version));
}

async function hadCopies(tx: ReadTx, trials: readonly EarlierRow[]): Promise<boolean> {
  for (const { id } of trials) {
    const copies = await tx.get<{ commit_id: string }>(
      "SELECT commit_id FROM rollout_epochs WHERE rollout_id = ? AND shadow IS NOT NULL LIMIT 1",
      [id],
    );
    if (copies) return true;
  }
  return false;
}
