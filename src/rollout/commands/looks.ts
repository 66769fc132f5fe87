import { defineCommand } from "../../store/database.ts";
import type { Cursor } from "../counted-outcomes.ts";
import type { Judgement } from "../judge.ts";
import type { EvidenceUpdate } from "../evidence-update.ts";
import { type LabelBatch, markCounted } from "../label-cells.ts";
import { appendEvidencePoint } from "./evidence-points.ts";

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
      labels: Pick<LabelBatch, "rolloutId" | "counted">;
      /** Rollout whose evidence this first look went on from. */
      continues: string | null;
      /** For people. */
      evidence: EvidenceUpdate;
    },
  ): Promise<{ saved: boolean }> => {
    const { changes } = await tx.run(
      `UPDATE rollouts SET judge_state = ?, judgement = ?, continues = COALESCE(continues, ?), look = look + 1
       WHERE id = ? AND look = ? AND state IN ('progressing', 'held')`,
      [
        JSON.stringify(args.judgeState),
        JSON.stringify(args.judgement),
        args.continues,
        args.rolloutId,
        args.look,
      ],
    );
    if (changes === 0) return { saved: false };
    for (const cursor of args.cursors) {
      await tx.run(
        `INSERT INTO rollout_cursors (rollout_id, version, arm, epoch, incarnation, share, finished, failed, rest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (rollout_id, version, arm, epoch, incarnation, share)
         DO UPDATE SET finished = excluded.finished, failed = excluded.failed, rest = excluded.rest`,
        [
          args.rolloutId,
          cursor.version,
          cursor.arm,
          cursor.epoch,
          cursor.incarnation,
          cursor.share,
          cursor.finished,
          cursor.failed,
          JSON.stringify(cursor.rest),
        ],
      );
    }
    await markCounted(tx, args.labels);
    await appendEvidencePoint(tx, args.evidence);
    return { saved: true };
  },
);
