import type { ReadTx } from "../store/database.ts";
import { marks, type DeletedExperiment, type DeletedModel, type DeletedRun } from "./candidates.ts";
import { chosenFolders, folderOf, versionThatNeeds } from "./references.ts";
import type { Kept } from "./thing.ts";

/** On a tracking run: which other one has the artifacts of a step that was reused. */
const REUSED_TAG = "slipway.reused_artifacts_of";

export interface Place {
  workspace: string;
  /** Where new experiments put artifacts. */
  artifactRoot: string;
}

/** A thing that may go, with its folder below the artifact root (null: its files lie elsewhere). */
export interface MayGo<Row> {
  row: Row;
  folder: string | null;
}

interface Sorted<Row> {
  going: MayGo<Row>[];
  kept: Kept[];
}

/** Tells the tracking runs that may go from those that something which isn't deleted needs. */
export async function sortRuns(
  tx: ReadTx,
  place: Place,
  rows: readonly DeletedRun[],
): Promise<Sorted<DeletedRun>> {
  if (rows.length === 0) return { going: [], kept: [] };
  const ids = rows.map((row) => row.run_id);
  const chosen = await chosenFolders(tx, place.workspace, place.artifactRoot);
  const reused = new Set(
    (
      await tx.all<{ value: string }>(
        `SELECT t.value FROM tags t JOIN runs r ON r.rid = t.rid
         WHERE t.experiment_id IN (SELECT experiment_id FROM experiments WHERE workspace = ?) AND t.key = '${REUSED_TAG}'
           AND substr(t.value, 1, 64) IN (${marks(ids)}) AND r.lifecycle_stage = 'active'`,
        [place.workspace, ...ids.map((id) => id.slice(0, 64))],
      )
    ).map((row) => row.value),
  );
  const underWay = new Map(
    (
      await tx.all<{ id: string; tracking_run_id: string }>(
        `SELECT id, tracking_run_id FROM pipeline_runs WHERE announced = 0 AND tracking_run_id IN (${marks(ids)})`,
        ids,
      )
    ).map((row) => [row.tracking_run_id, row.id]),
  );
  const why = async (row: DeletedRun, folder: string | null): Promise<string | undefined> => {
    const version = await versionThatNeeds(tx, place.workspace, { runId: row.run_id, folder });
    if (version !== undefined) return `version ${version} of the registry came from it`;
    const pipelineRun = underWay.get(row.run_id);
    if (pipelineRun !== undefined) return `pipeline run ${pipelineRun} is still logging to it`;
    if (reused.has(row.run_id)) return "a later tracking run reuses its artifacts";
    return otherExperiment(chosen, folder, null);
  };
  return sort("run", place, rows, { id: (row) => row.run_id, uri: (row) => row.artifact_uri, why });
}

export async function sortModels(
  tx: ReadTx,
  place: Place,
  rows: readonly DeletedModel[],
): Promise<Sorted<DeletedModel>> {
  const chosen = rows.length === 0 ? [] : await chosenFolders(tx, place.workspace, place.artifactRoot);
  const why = async (row: DeletedModel, folder: string | null): Promise<string | undefined> => {
    const version = await versionThatNeeds(tx, place.workspace, { modelId: row.model_id, folder });
    return version === undefined
      ? otherExperiment(chosen, folder, null)
      : `version ${version} of the registry is this model`;
  };
  return sort("model", place, rows, { id: (row) => row.model_id, uri: (row) => row.artifact_uri, why });
}

/** As far as it turns on more than what is still in the experiment. */
export async function sortExperiments(
  tx: ReadTx,
  place: Place,
  rows: readonly DeletedExperiment[],
): Promise<Sorted<DeletedExperiment>> {
  const chosen = rows.length === 0 ? [] : await chosenFolders(tx, place.workspace, place.artifactRoot);
  const why = async (row: DeletedExperiment, folder: string | null): Promise<string | undefined> => {
    if (row.experiment_id === 0) return "clients that name no experiment use it";
    const active = await tx.get(
      "SELECT 1 AS one FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active' LIMIT 1",
      [row.experiment_id],
    );
    if (active) return "it has tracking runs that aren't deleted";
    const version = await versionThatNeeds(tx, place.workspace, { folder });
    if (version !== undefined) return `files of version ${version} of the registry lie in it`;
    return otherExperiment(chosen, folder, row.experiment_id);
  };
  const own = (row: DeletedExperiment): string =>
    // A folder that a client chose may hold more than the experiment: what it holds goes thing by thing.
    chosen.some(({ experimentId }) => experimentId === row.experiment_id) ? "" : row.artifact_location;
  return sort("experiment", place, rows, { id: (row) => String(row.experiment_id), uri: own, why });
}

async function sort<Row>(
  kind: Kept["kind"],
  place: Place,
  rows: readonly Row[],
  of: {
    id: (row: Row) => string;
    uri: (row: Row) => string;
    why: (row: Row, folder: string | null) => Promise<string | undefined>;
  },
): Promise<Sorted<Row>> {
  const sorted: Sorted<Row> = { going: [], kept: [] };
  for (const row of rows) {
    const folder = folderOf(of.uri(row), place.workspace);
    const why = await of.why(row, folder);
    if (why === undefined) sorted.going.push({ row, folder });
    else sorted.kept.push({ kind, id: of.id(row), why });
  }
  return sorted;
}

function otherExperiment(
  chosen: readonly { experimentId: number; folder: string }[],
  folder: string | null,
  own: number | null,
): string | undefined {
  if (folder === null) return undefined;
  const other = chosen.find((one) => one.experimentId !== own && `${one.folder}/`.startsWith(`${folder}/`));
  return other && `experiment ${other.experimentId} keeps its files within its folder`;
}
