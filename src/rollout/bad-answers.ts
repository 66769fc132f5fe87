import type { ReadTx } from "../store/database.ts";

/**
 * Answers that callers got from a rollout's challenger and shouldn't have: failed ones that no fall-back covered, and
 * those that their label calls wrong, as far as labels are kept. Copies harm nobody. As of the last look.
 */
export async function badAnswersOf(tx: ReadTx, rolloutId: string): Promise<number> {
  const cells = await tx.all<{ failed: number; rest: string | null }>(
    `SELECT c.failed, c.rest FROM rollout_cursors c
     JOIN rollout_epochs e ON e.rollout_id = c.rollout_id AND c.epoch IN (e.commit_id, e.commit_id || '~')
     WHERE c.rollout_id = ? AND c.arm = 'challenger' AND e.shadow IS NULL AND c.failed > 0`,
    [rolloutId],
  );
  const failed = cells.reduce((sum, cell) => sum + Number(cell.failed) - fellBack(cell.rest), 0);
  const wrong = await tx.get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM rollout_labels WHERE rollout_id = ? AND is_bad = 1",
    [rolloutId],
  );
  return Math.max(0, failed) + Number(wrong?.count ?? 0);
}

function fellBack(rest: string | null): number {
  return rest === null ? 0 : (JSON.parse(rest) as { fellBack: number }).fellBack;
}
