import type { ReadTx } from "../store/database.ts";
import { saveLook } from "./commands/looks.ts";
import { earlierEvidence } from "./continuation.ts";
import { type CursorKey, type Cursor, countBefore, countSince, cursorKey } from "./counted-outcomes.ts";
import type { RolloutDeps } from "./deps.ts";
import { evidenceUpdate } from "./evidence-update.ts";
import type { Interval, Judge } from "./judge.ts";
import { takeLabels } from "./label-cells.ts";
import { selectService } from "./rows.ts";
import type { Rollout, Service } from "./state.ts";

/** What a rollout's judge has seen so far. */
interface Seen {
  /** JSON; null when there is nothing to go on from. */
  judgeState: string | null;
  /** Earlier rollout that the state is taken over from, at the first look. */
  continues: string | null;
  cursors: Map<string, Cursor>;
  epochs: Set<string>;
  service: Service | undefined;
}

/**
 * Takes one look: what ended since the last one, given to the judge and saved with how far the counters reach.
 * Only units that were assigned under the rollout's own commits count; what the champion answered before tells the
 * first look how it was. Answers whether anything was new.
 */
export async function takeLook<State>(
  deps: Pick<RolloutDeps, "db" | "backend">,
  judge: Judge<State>,
  rollout: Rollout,
): Promise<boolean> {
  const seen = await deps.db.read((tx) => readSeen(tx, rollout));
  const report = await deps.backend.outcomes();
  const counters = report.counters.filter((counter) => counter.service === rollout.service);
  const own = counters.filter((counter) => seen.epochs.has(counter.epoch));
  const { cells, moved } = countSince(report, own, seen.cursors);
  const labels = await deps.db.read((tx) => takeLabels(tx, rollout, report.at));
  const isFirst = rollout.look === 0;
  if (moved.length === 0 && labels.counted.length === 0 && !isFirst) return false;
  const { policy } = rollout.request;
  const timed = { at: report.at, ...(report.edges ? { edges: report.edges } : {}) };
  const earlier = readState(judge, seen.judgeState);
  let state = earlier ?? judge.start(policy, report.at);
  if (isFirst && rollout.champion !== null) {
    const requests = countBefore(counters, rollout.champion, seen.epochs);
    const baseline: Interval = { ...timed, requests, labels: {}, isBaseline: true };
    if (requests.length > 0) state = judge.observe(state, baseline, policy);
  }
  const interval: Interval = { ...timed, requests: cells, labels: labels.cells };
  state = judge.observe(state, interval, policy);
  const judgement = judge.judge(state, policy, rollout.step);
  const { saved } = await deps.db.write(saveLook, {
    rolloutId: rollout.id,
    look: rollout.look,
    judgeState: state,
    judgement,
    cursors: moved,
    labels,
    continues: earlier === null ? null : seen.continues,
    evidence: evidenceUpdate(rollout, {
      at: report.at,
      share: shareOf(rollout, seen.service),
      judgement,
      interval,
      report,
      epochs: seen.epochs,
    }),
  });
  return saved;
}

/** Per cent of new requests that the challenger gets now. */
function shareOf({ version }: Rollout, service: Service | undefined): number {
  return service?.challenger === version && service.stop?.version !== version ? service.weight : 0;
}

/** Null for a state that this version of the judge can't read: it begins anew. */
function readState<State>(_judge: Judge<State>, json: string | null): State | null {
  return json === null ? null : (JSON.parse(json) as State);
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
  const epochs = await tx.all<{ commit_id: string }>(
    "SELECT commit_id FROM rollout_epochs WHERE rollout_id = ?",
    [rollout.id],
  );
  return {
    judgeState: own?.judge_state ?? earlier?.state ?? null,
    continues: earlier?.rolloutId ?? null,
    cursors: new Map(cursors.map((row) => [cursorKey(row), toCursor(row)])),
    epochs: new Set(epochs.map((epoch) => epoch.commit_id)),
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
