import { defineCommand } from "../../store/database.ts";
import { scorerRow, type ScorerId, type ScorerRow } from "./queries.ts";

interface RegisterArgs extends ScorerId {
  /** Of a scorer that is new. */
  scorerId: string;
  serialized: string;
  now: number;
}

/** A new version; of a new scorer the first. */
export const registerScorer = defineCommand(
  "scorers.register",
  async (tx, args: RegisterArgs): Promise<ScorerRow> => {
    const { experimentId, name } = args;
    await tx.run(
      `INSERT INTO scorers (scorer_id, experiment_id, name) VALUES (?, ?, ?)
       ON CONFLICT (experiment_id, name) DO NOTHING`,
      [args.scorerId, experimentId, name],
    );
    await tx.run(
      `INSERT INTO scorer_versions (scorer_id, version, serialized, creation_time)
       SELECT s.scorer_id, COALESCE((SELECT MAX(v.version) FROM scorer_versions v WHERE v.scorer_id = s.scorer_id), 0) + 1,
         CAST(? AS TEXT), CAST(? AS BIGINT)
       FROM scorers s WHERE s.experiment_id = ? AND s.name = ?`,
      [args.serialized, args.now, experimentId, name],
    );
    return scorerRow(tx, args, undefined);
  },
);

/** One version, or with the last of them the scorer. */
export const deleteScorer = defineCommand(
  "scorers.delete",
  async (tx, { version, ...id }: ScorerId & { version: number | undefined }): Promise<void> => {
    const { scorer_id: scorerId } = await scorerRow(tx, id, version);
    if (version === undefined) {
      await tx.run("DELETE FROM scorer_versions WHERE scorer_id = ?", [scorerId]);
    } else {
      await tx.run("DELETE FROM scorer_versions WHERE scorer_id = ? AND version = ?", [scorerId, version]);
    }
    await tx.run(
      "DELETE FROM scorers WHERE scorer_id = ? AND NOT EXISTS (SELECT 1 FROM scorer_versions WHERE scorer_id = ?)",
      [scorerId, scorerId],
    );
  },
);

export const scorerCommands = [registerScorer, deleteScorer];
