import type { ReadTx } from "../store/database.ts";

/**
 * Answers that callers got from a rollout's challenger and shouldn't have: failed ones that no fall-back covered, and
 * those that their label calls wrong. Copies harm nobody. As of the last look.
 */
export async function badAnswersOf(tx: ReadTx, rolloutId: string): Promise<number> {
  const cells = await tx.all<{ failed: number; rest: string | null }>(
    `SELECT c.failed, c.rest FROM rollout_cursors c JOIN rollout_epochs e ON e.commit_id = c.epoch
       AND e.rollout_id = c.rollout_id
     WHERE c.rollout_id = ? AND c.arm = 'challenger' AND e.shadow IS NULL AND c.failed > 0`,
    [rolloutId],
  );
  const failed = cells.reduce((sum, cell) => {
    const { fellBack } =
      cell.rest === null ? { fellBack: 0 } : (JSON.parse(cell.rest) as { fellBack: number });
    return sum + Math.max(0, Number(cell.failed) - fellBack);
  }, 0);
  return failed;
}
