import type { OutcomeCounter } from "../serving/outcomes.ts";
import type { ReadTx } from "../store/database.ts";
import { type Cursor, saveLook } from "./commands/looks.ts";
import type { RolloutDeps } from "./deps.ts";
import type { Cell, Judge } from "./judge.ts";
import type { Rollout } from "./state.ts";

/** What a rollout's judge has seen so far. */
interface Seen {
  judgeState: string | null;
  cursors: Map<string, Cursor>;
  epochs: Set<string>;
  labels: { join_seq: number; share: number; arm: "champion" | "challenger"; loss: number }[];
}

const MOST_LABELS = 20_000;

/**
 * Takes one look: what ended since the last one, given to the judge and saved with how far the counters reach.
 * Only units that were assigned under the rollout's own commits count. Answers whether anything was new.
 */
export async function takeLook<State>(
  deps: Pick<RolloutDeps, "db" | "backend" | "clock">,
  judge: Judge<State>,
  rollout: Rollout,
): Promise<boolean> {
  const seen = await deps.db.read((tx) => readSeen(tx, rollout));
  const report = await deps.backend.outcomes();
  const own = report.counters.filter(
    (counter) => counter.service === rollout.service && seen.epochs.has(counter.epoch),
  );
  const { cells: errors, cursors } = countErrors(own, seen, report.incarnation);
  const labels = countLabels(seen);
  const isFirst = rollout.judgement === null;
  if (cursors.length === 0 && seen.labels.length === 0 && !isFirst) return false;
  const { policy } = rollout.request;
  const now = deps.clock.now();
  const before = seen.judgeState === null ? judge.start(policy, now) : (JSON.parse(seen.judgeState) as State);
  const cells: Record<string, Cell[]> = {};
  for (const metric of policy.metrics) cells[metric.name] = "from" in metric ? labels : errors;
  const after = judge.observe(before, { at: now, cells });
  const { saved } = await deps.db.write(saveLook, {
    rolloutId: rollout.id,
    look: rollout.look,
    judgeState: after,
    judgement: judge.judge(after, policy, rollout.step),
    cursors,
    labelsCursor: seen.labels.at(-1)?.join_seq ?? rollout.labelsCursor,
  });
  return saved;
}

async function readSeen(tx: ReadTx, rollout: Rollout): Promise<Seen> {
  const state = await tx.get<{ judge_state: string | null }>(
    "SELECT judge_state FROM rollouts WHERE id = ?",
    [rollout.id],
  );
  const cursors = await tx.all<Cursor>(
    "SELECT version, arm, epoch, incarnation, share, finished, failed FROM rollout_cursors WHERE rollout_id = ?",
    [rollout.id],
  );
  const epochs = await tx.all<{ commit_id: string }>(
    "SELECT commit_id FROM rollout_epochs WHERE rollout_id = ?",
    [rollout.id],
  );
  const labels = await tx.all<Seen["labels"][number]>(
    `SELECT join_seq, share, arm, loss FROM rollout_labels WHERE rollout_id = ? AND join_seq > ?
     ORDER BY join_seq LIMIT ?`,
    [rollout.id, rollout.labelsCursor, MOST_LABELS],
  );
  return {
    judgeState: state?.judge_state ?? (await earlierState(tx, rollout)),
    cursors: new Map(cursors.map((cursor) => [cursorKey(cursor), cursor])),
    epochs: new Set(epochs.map((epoch) => epoch.commit_id)),
    labels,
  };
}

/**
 * The same version on trial again, against the same champion under the same policy, goes on from its evidence:
 * otherwise pushing it until it passes would.
 */
async function earlierState(tx: ReadTx, rollout: Rollout): Promise<string | null> {
  if (rollout.champion === null) return null;
  const row = await tx.get<{ judge_state: string | null; request: string }>(
    `SELECT judge_state, request FROM rollouts WHERE service = ? AND version = ? AND champion = ? AND id <> ?
       AND judge_state IS NOT NULL ORDER BY seq DESC LIMIT 1`,
    [rollout.service, rollout.version, rollout.champion, rollout.id],
  );
  if (!row) return null;
  const { policy } = JSON.parse(row.request) as Rollout["request"];
  const { metrics, falseRollbackRate, falsePromotionRate } = rollout.request.policy;
  const isSame =
    JSON.stringify([policy.metrics, policy.falseRollbackRate, policy.falsePromotionRate]) ===
    JSON.stringify([metrics, falseRollbackRate, falsePromotionRate]);
  return isSame ? row.judge_state : null;
}

function countErrors(
  counters: readonly OutcomeCounter[],
  seen: Seen,
  incarnation: string,
): { cells: Cell[]; cursors: Cursor[] } {
  const cells = new Map<number, Cell>();
  const cursors: Cursor[] = [];
  for (const counter of counters) {
    if (counter.share <= 0 || counter.share >= 1) continue;
    const last = seen.cursors.get(cursorKey(counter));
    const units = Math.max(0, counter.finished - (last?.finished ?? 0));
    const loss = Math.min(units, Math.max(0, counter.failed - (last?.failed ?? 0)));
    // What an earlier incarnation had under way died with it, in both arms alike.
    const underWay =
      counter.incarnation === incarnation
        ? Math.max(0, counter.started - counter.finished - counter.aborted)
        : 0;
    const arm = cellOf(cells, counter.share)[counter.arm];
    arm.units += units;
    arm.loss += loss;
    arm.pending = (arm.pending ?? 0) + underWay;
    if (units > 0) {
      const { version, epoch, share, finished, failed } = counter;
      cursors.push({
        version,
        arm: counter.arm,
        epoch,
        incarnation: counter.incarnation,
        share,
        finished,
        failed,
      });
    }
  }
  return { cells: [...cells.values()], cursors };
}

function countLabels(seen: Seen): Cell[] {
  const cells = new Map<number, Cell>();
  for (const label of seen.labels) {
    const arm = cellOf(cells, label.share)[label.arm];
    arm.units += 1;
    arm.loss += label.loss;
  }
  return [...cells.values()];
}

function cellOf(cells: Map<number, Cell>, share: number): Cell {
  let cell = cells.get(share);
  if (!cell) {
    cell = { share, champion: { units: 0, loss: 0 }, challenger: { units: 0, loss: 0 } };
    cells.set(share, cell);
  }
  return cell;
}

function cursorKey(cursor: Omit<Cursor, "finished" | "failed">): string {
  return `${cursor.version} ${cursor.arm} ${cursor.epoch} ${cursor.incarnation} ${cursor.share}`;
}
