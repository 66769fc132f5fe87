import type { ReadTx } from "../store/database.ts";
import type { ArmCount } from "./judge.ts";
import type { SinceSwitch } from "./situation.ts";
import type { Rollout } from "./state.ts";
import type { StoredJudge } from "./stored-judge.ts";

/** What the version of a switch failed under the switch's commit, beside what was failed before the rollout. */
export async function failedSince<State>(
  tx: ReadTx,
  judge: Pick<StoredJudge<State>, "read" | "before">,
  rollout: Rollout,
  commit: string | null | undefined,
): Promise<SinceSwitch> {
  const cells = await tx.get<{ units: number | null; loss: number | null }>(
    `SELECT SUM(finished) AS units, SUM(failed) AS loss FROM rollout_cursors
     WHERE rollout_id = ? AND arm = 'challenger' AND epoch IN (?, ?)`,
    // A sticky caller's later requests are answers too.
    [rollout.id, commit ?? "", `${commit ?? ""}~`],
  );
  const stored = await tx.get<{ judge_state: string | null }>(
    "SELECT judge_state FROM rollouts WHERE id = ?",
    [rollout.id],
  );
  const after: ArmCount = { units: Number(cells?.units ?? 0), loss: Number(cells?.loss ?? 0) };
  const state = judge.read(JSON.parse(stored?.judge_state ?? "null"));
  return { after, before: state === null ? null : judge.before(state) };
}
