import type { ReadTx } from "../../store/database.ts";
import { missing } from "../wire/errors.ts";

export interface ScorerRow {
  scorer_id: string;
  experiment_id: number;
  name: string;
  version: number;
  serialized: string;
  creation_time: number;
}

const SELECT = `SELECT s.scorer_id, s.experiment_id, s.name, v.version, v.serialized, v.creation_time
  FROM scorers s JOIN scorer_versions v ON v.scorer_id = s.scorer_id
  JOIN experiments e ON e.experiment_id = s.experiment_id
  WHERE e.workspace = ? AND e.lifecycle_stage = 'active'`;
const NEWEST = "v.version = (SELECT MAX(version) FROM scorer_versions n WHERE n.scorer_id = s.scorer_id)";
/** Of one answer. */
const MAX_LISTED = 1000;

/** The newest version of each scorer: of the experiments, or of all that the tenant has. */
export async function newestScorers(
  tx: ReadTx,
  workspace: string,
  experimentIds: readonly number[] | undefined,
): Promise<ScorerRow[]> {
  if (experimentIds?.length === 0) return [];
  const marks = experimentIds?.map(() => "?").join(", ");
  return tx.all<ScorerRow>(
    `${SELECT} AND ${NEWEST}${marks === undefined ? "" : ` AND s.experiment_id IN (${marks})`}
     ORDER BY s.experiment_id, s.name LIMIT ${MAX_LISTED}`,
    [workspace, ...(experimentIds ?? [])],
  );
}

export interface ScorerId {
  workspace: string;
  experimentId: number;
  name: string;
}

/** All versions, the oldest first. */
export async function scorerVersions(tx: ReadTx, id: ScorerId): Promise<ScorerRow[]> {
  const rows = await tx.all<ScorerRow>(
    `${SELECT} AND s.experiment_id = ? AND s.name = ? ORDER BY v.version LIMIT ${MAX_LISTED}`,
    [id.workspace, id.experimentId, id.name],
  );
  if (rows.length === 0) throw noScorer(id);
  return rows;
}

/** The newest version unless one is named. */
export async function scorerRow(tx: ReadTx, id: ScorerId, version: number | undefined): Promise<ScorerRow> {
  const row = await tx.get<ScorerRow>(
    `${SELECT} AND s.experiment_id = ? AND s.name = ? AND ${version === undefined ? NEWEST : "v.version = ?"}`,
    [id.workspace, id.experimentId, id.name, ...(version === undefined ? [] : [version])],
  );
  if (!row) throw noScorer(id, version);
  return row;
}

function noScorer({ name, experimentId }: ScorerId, version?: number): Error {
  const which = version === undefined ? `'${name}'` : `'${name}' and version ${version}`;
  return missing(`Scorer with name ${which} not found for experiment ${experimentId}.`);
}

/** MLflow's Scorer message; here an experiment's id is a number. */
export function scorerMessage(row: ScorerRow): object {
  return {
    experiment_id: row.experiment_id,
    scorer_name: row.name,
    scorer_version: row.version,
    serialized_scorer: row.serialized,
    creation_time: row.creation_time,
    scorer_id: row.scorer_id,
  };
}
