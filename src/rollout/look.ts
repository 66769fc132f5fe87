import type { ReadTx } from "../store/database.ts";
import { saveLook } from "./commands/looks.ts";
import {
  type CursorKey,
  type Cursor,
  type Epochs,
  countBefore,
  countSince,
  cursorKey,
  isBegunAnew,
  ownCounters,
} from "./counted-outcomes.ts";
import type { RolloutDeps } from "./deps.ts";
import { evidenceUpdate } from "./evidence-update.ts";
import { type EarlierEvidence, earlierEvidence } from "./earlier-trials.ts";
import type { Interval } from "./judge.ts";
import { takeLabels } from "./label-cells.ts";
import { selectService } from "./rows.ts";
import type { Rollout, Service } from "./state.ts";
import type { StoredJudge } from "./stored-judge.ts";

/** What a rollout's judge has seen so far. */
interface Seen {
  /** JSON; null before the first look. */
  judgeState: string | null;
  /** Of trials that the first look goes on from. */
  earlier: EarlierEvidence | null;
  cursors: Map<string, Cursor>;
  epochs: Epochs;
  service: Service | undefined;
}

const COUNTED_WITHIN_MS = 3_000;

/**
 * Takes one look: what ended since the last one, given to the judge and saved with how far the counters reach.
 * Only units that were assigned under the rollout's own commits count; what the champion answered before tells the
 * first look how it was. Answers whether anything was new.
 */
export async function takeLook<State>(
  deps: Pick<RolloutDeps, "db" | "backend">,
  judge: StoredJudge<State>,
  rollout: Rollout,
): Promise<boolean> {
  // What has reached its threshold once has been found: units that came since mustn't take the verdict back while the
  // commit that acts on it is made.
  if (rollout.judgement?.verdict === "worse") return false;
  const seen = await deps.db.read((tx) => readSeen(tx, rollout));
  const report = await deps.backend.outcomes();
  const counters = report.counters.filter((counter) => counter.service === rollout.service);
  const own = ownCounters(counters, seen.epochs);
  const { cells, moved } = countSince(report, own, seen.cursors);
  const labels = await deps.db.read((tx) => takeLabels(tx, rollout, report.at));
  const isFirst = rollout.look === 0;
  if (moved.length === 0 && labels.counted.length === 0 && !isFirst) return false;
  const { policy } = rollout.request;
  const timed = { at: report.at, ...(report.edges ? { edges: report.edges } : {}) };
  // A state of another shape than this version's isn't read: the test starts anew, without what was known.
  const known =
    seen.judgeState === null ? goOn(judge, seen, policy) : judge.read(JSON.parse(seen.judgeState));
  const maxLifeMs = longestLife(rollout, seen.service);
  let state = known ?? judge.start(policy, report.at, { maxLifeMs });
  if (isFirst) {
    // Also where nothing is known: an earlier trial's evidence goes on, what its guard saw doesn't.
    const requests = rollout.champion === null ? [] : countBefore(counters, rollout.champion, seen.epochs);
    state = judge.observe(state, { ...timed, requests, labels: {}, isBaseline: true }, policy);
  }
  if (beginsAnswering(rollout, seen, moved)) state = judge.fromCopies(state);
  const interval: Interval = {
    ...timed,
    requests: cells,
    labels: labels.cells,
    isBegunAnew: isBegunAnew(report, seen.cursors),
    // The deadline may be another one than when the evidence began.
    maxLifeMs,
  };
  state = judge.observe(state, interval, policy);
  const judgement = judge.judge(state, policy, rollout.step);
  const { saved } = await deps.db.write(saveLook, {
    rolloutId: rollout.id,
    look: rollout.look,
    judgeState: state,
    judgement,
    cursors: moved,
    labels,
    continues: known === null ? null : (seen.earlier?.rolloutId ?? null),
    evidence: evidenceUpdate(rollout, {
      at: report.at,
      share: shareOf(rollout, seen.service),
      judgement,
      interval,
      report,
      epochs: new Set(seen.epochs.keys()),
    }),
  });
  return saved;
}

/** The state that earlier trials leave; one of another shape than this version's is left out. */
function goOn<State>(
  judge: StoredJudge<State>,
  { earlier }: Seen,
  policy: Rollout["request"]["policy"],
): State | null {
  const trials = (earlier?.trials ?? []).flatMap(({ state, ...trial }) => {
    const read = judge.read(JSON.parse(state));
    return read === null ? [] : [{ ...trial, state: read }];
  });
  return judge.goOn(trials, policy);
}

/** Per cent of new requests that the challenger gets now. */
function shareOf({ version }: Rollout, service: Service | undefined): number {
  return service?.challenger === version && service.stop?.version !== version ? service.weight : 0;
}

/** Milliseconds after which no unit is under way any more: its deadline, and what it takes to count it. */
function longestLife({ request }: Rollout, service: Service | undefined): number {
  return Math.max(request.serving.timeout, service?.serving?.timeout ?? 0) + COUNTED_WITHIN_MS;
}

/** True at the first look that sees what callers were answered, after looks that saw copies. */
function beginsAnswering(rollout: Rollout, seen: Seen, moved: readonly Cursor[]): boolean {
  const { cursors, epochs } = seen;
  if (rollout.phase === "shadow") return false;
  if (rollout.look === 0) return seen.earlier?.hadCopies ?? false;
  if (![...epochs.values()].includes(true)) return false;
  const isAnswered = ({ epoch }: Cursor): boolean => epochs.get(epoch) === false;
  return moved.some(isAnswered) && ![...cursors.values()].some(isAnswered);
}

async function readSeen(tx: ReadTx, rollout: Rollout): Promise<Seen> {
  const own = await tx.get<{ judge_state: string | null }>("SELECT judge_state FROM rollouts WHERE id = ?", [
    rollout.id,
  ]);
  const earlier = rollout.look === 0 ? await earlierEvidence(tx, rollout) : null;
  const cursors = await tx.all<CursorRow>(
    `SELECT version, arm, epoch, incarnation, share, finished, failed, rest FROM rollout_cursors
     WHERE rollout_id = ?`,
    [rollout.id],
  );
  const epochs = await tx.all<{ commit_id: string; shadow: number | null }>(
    "SELECT commit_id, shadow FROM rollout_epochs WHERE rollout_id = ?",
    [rollout.id],
  );
  return {
    judgeState: own?.judge_state ?? null,
    earlier,
    cursors: new Map(cursors.map((row) => [cursorKey(row), toCursor(row)])),
    epochs: new Map(epochs.map((epoch) => [epoch.commit_id, epoch.shadow !== null])),
    service: await selectService(tx, rollout.service),
  };
}

interface CursorRow extends CursorKey {
  finished: number;
  failed: number;
  rest: string | null;
}

function toCursor(row: CursorRow): Cursor {
  const rest = row.rest === null ? null : (JSON.parse(row.rest) as Cursor["rest"]);
  return { ...row, finished: Number(row.finished), failed: Number(row.failed), rest };
}
