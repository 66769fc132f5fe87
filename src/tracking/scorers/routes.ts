import { isDeeperThan, MAX_JSON_DEPTH } from "../../http/json-depth.ts";
import type { TrackingDeps } from "../deps.ts";
import { byId, experimentNumber } from "../experiments/queries.ts";
import { invalid, missing } from "../wire/errors.ts";
import { optionalInt64, optionalString, string, strings, type Fields } from "../wire/fields.ts";
import { atMost } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { deleteScorer, registerScorer } from "./commands.ts";
import { newestScorers, scorerMessage, scorerRow, scorerVersions, type ScorerId } from "./queries.ts";

const MAX_NAME = 256;
const MAX_SERIALIZED = 500_000;
const MAX_EXPERIMENTS = 1000;

/** MLflow's scorers are kept for its clients; the platform never reads what is in one, let alone runs it. */
export function scorerRoutes({ db, clock, ids }: TrackingDeps): MlflowRoute[] {
  /** Of an experiment that is there and active. */
  async function idOf({ fields, workspace }: MlflowCall): Promise<ScorerId> {
    const name = string(fields, "name");
    return { workspace, experimentId: await experiment(workspace, string(fields, "experiment_id")), name };
  }

  async function experiment(workspace: string, text: string): Promise<number> {
    const id = experimentNumber(text);
    const row = await db.read((tx) => byId(tx, workspace, id));
    if (!row) throw missing(`No Experiment with id=${id} exists`);
    if (row.lifecycle_stage !== "active") {
      throw invalid(`The experiment ${id} must be in the 'active' state. Current state is deleted.`);
    }
    return id;
  }

  async function register(call: MlflowCall): Promise<object> {
    const name = string(call.fields, "name");
    atMost(name, MAX_NAME, "The scorer's name");
    const serialized = string(call.fields, "serialized_scorer");
    checkSerialized(serialized);
    const id = await idOf(call);
    const row = await db.write(registerScorer, {
      ...id,
      scorerId: ids.hex(),
      serialized,
      now: clock.now(),
    });
    return {
      version: row.version,
      scorer_id: row.scorer_id,
      experiment_id: String(row.experiment_id),
      name: row.name,
      serialized_scorer: row.serialized,
      creation_time: row.creation_time,
    };
  }

  async function list({ fields, workspace }: MlflowCall): Promise<object> {
    const one = optionalString(fields, "experiment_id") || undefined;
    const several = fields["experiment_ids"] === undefined ? undefined : strings(fields, "experiment_ids");
    if (one !== undefined && several !== undefined)
      throw invalid("Cannot specify both 'experiment_id' and 'experiment_ids'.");
    if (several && several.length > MAX_EXPERIMENTS)
      throw invalid(`At most ${MAX_EXPERIMENTS} experiment_ids in one call; got ${several.length}.`);
    const named = one === undefined ? several?.map(experimentNumber) : [await experiment(workspace, one)];
    const rows = await db.read((tx) => newestScorers(tx, workspace, named));
    return { scorers: rows.map(scorerMessage) };
  }

  async function versions(call: MlflowCall): Promise<object> {
    const id = await idOf(call);
    return { scorers: (await db.read((tx) => scorerVersions(tx, id))).map(scorerMessage) };
  }

  async function get(call: MlflowCall): Promise<object> {
    const id = await idOf(call);
    const row = await db.read((tx) => scorerRow(tx, id, versionOf(call.fields)));
    return { scorer: scorerMessage(row) };
  }

  async function remove(call: MlflowCall): Promise<object> {
    await db.write(deleteScorer, { ...(await idOf(call)), version: versionOf(call.fields) });
    return {};
  }

  return [
    { method: "POST", path: "scorers/register", access: "write", handle: register },
    { method: "GET", path: "scorers/list", access: "read", handle: list },
    { method: "GET", path: "scorers/versions", access: "read", handle: versions },
    { method: "GET", path: "scorers/get", access: "read", handle: get },
    { method: "DELETE", path: "scorers/delete", access: "write", handle: remove },
  ];
}

function versionOf(fields: Fields): number | undefined {
  const version = optionalInt64(fields, "version");
  return version === undefined ? undefined : Number(version);
}

/**
 * JSON without code: a scorer made by a decorator carries Python in `call_source`, which clients run when they load
 * it. As MLflow's server does, it is refused here, so that nobody can plant it for another.
 */
function checkSerialized(text: string): void {
  atMost(text, MAX_SERIALIZED, "The serialized scorer");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("serialized_scorer must be valid JSON.");
  }
  if (isDeeperThan(value, MAX_JSON_DEPTH))
    throw invalid(`serialized_scorer is nested more than ${MAX_JSON_DEPTH} deep.`);
  if (hasCode(value)) {
    throw invalid(
      "Scorers made by the @scorer decorator carry code and can't be registered; register judges.",
    );
  }
}

/** At any depth: an ensemble holds scorers. */
function hasCode(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("call_source" in value && value.call_source !== null) return true;
  return Object.values(value).some(hasCode);
}
