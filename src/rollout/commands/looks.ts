import { defineCommand } from "../../store/database.ts";
import type { Judgement } from "../judge.ts";

/** How much of one cell's counters a rollout's judge has seen. */
export interface Cursor {
  version: number;
  arm: "champion" | "challenger";
  epoch: string;
  incarnation: string;
  share: number;
  finished: number;
  failed: number;
}

/**
 * Saves a look: the judge's state, and in the same transaction how far the counters and labels it has seen
 * reach, so that after any crash nothing is counted twice and nothing is lost. Refused (false) when another
 * look was saved since the one it started from, or the rollout has ended.
 */
export const saveLook = defineCommand(
  "rollout.save-look",
  async (
    tx,
    args: {
      rolloutId: string;
      look: number;
      judgeState: unknown;
      judgement: Judgement;
      cursors: Cursor[];
      labelsCursor: number;
    },
  ): Promise<{ saved: boolean }> => {
    const { changes } = await tx.run(
      `UPDATE rollouts SET judge_state = ?, judgement = ?, labels_cursor = ?, look = look + 1
       WHERE id = ? AND look = ? AND state IN ('progressing', 'held')`,
      [
        JSON.stringify(args.judgeState),
        JSON.stringify(args.judgement),
        args.labelsCursor,
        args.rolloutId,
        args.look,
      ],
    );
    if (changes === 0) return { saved: false };
    for (const cursor of args.cursors) {
      await tx.run(
        `INSERT INTO rollout_cursors (rollout_id, version, arm, epoch, incarnation, share, finished, failed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (rollout_id, version, arm, epoch, incarnation, share)
         DO UPDATE SET finished = excluded.finished, failed = excluded.failed`,
        [
          args.rolloutId,
          cursor.version,
          cursor.arm,
          cursor.epoch,
          cursor.incarnation,
          cursor.share,
          cursor.finished,
          cursor.failed,
        ],
      );
    }
    return { saved: true };
  },
);
