import { DEFAULT_TENANT } from "../../http/identity.ts";
import { isOfTenant } from "../artifacts/tenant-root.ts";
import { artifactPathOf, checkArtifactLocation } from "../artifacts/uri.ts";
import type { TrackingDeps } from "../deps.ts";
import { invalid, missing } from "../wire/errors.ts";
import {
  count,
  messages,
  optionalEnum,
  optionalString,
  string,
  strings,
  stringOrEmpty,
} from "../wire/fields.ts";
import { keyValue, LIMITS, within } from "../wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { createExperiment, renameExperiment, setExperimentStage, setExperimentTag } from "./commands.ts";
import { byId, byName, experimentMessages, experimentNumber, type ExperimentRow } from "./queries.ts";
import { searchExperiments, VIEW_TYPES } from "./search.ts";

export function experimentRoutes({ db, clock, artifactRoot, workingDir }: TrackingDeps): MlflowRoute[] {
  const message = async (
    find: Parameters<typeof db.read<ExperimentRow | undefined>>[0],
    otherwise: string,
  ): Promise<object> =>
    db.read(async (tx) => {
      const row = await find(tx);
      if (!row) throw missing(otherwise);
      const [experiment] = await experimentMessages(tx, [row]);
      return { experiment };
    });

  async function search({ fields, workspace }: MlflowCall): Promise<object> {
    return db.read((tx) =>
      searchExperiments(tx, {
        workspace,
        filter: stringOrEmpty(fields, "filter"),
        orderBy: strings(fields, "order_by"),
        view: optionalEnum(fields, "view_type", VIEW_TYPES, 1) ?? "ACTIVE_ONLY",
        limit: count(fields, "max_results", 1000, 50_000),
        pageToken: optionalString(fields, "page_token"),
      }),
    );
  }

  const setStage =
    (stage: "active" | "deleted") =>
    async ({ fields, workspace }: MlflowCall): Promise<object> => {
      const experimentId = experimentNumber(string(fields, "experiment_id"));
      await db.write(setExperimentStage, { workspace, experimentId, stage, now: clock.now() });
      return {};
    };

  return [
    {
      method: "POST",
      path: "experiments/create",
      access: "write",
      async handle({ fields, workspace }) {
        const name = experimentName(string(fields, "name"));
        const location = optionalString(fields, "artifact_location") || null;
        const tags = messages(fields, "tags").map((tag) => keyValue(tag, "", LIMITS.experimentTagValue));
        const artifactLocation = location === null ? null : ownLocation(workspace, location, workingDir);
        const now = clock.now();
        const args = { workspace, name, artifactLocation, artifactRoot, tags, now };
        const id = await db.write(createExperiment, args);
        return { experiment_id: String(id) };
      },
    },
    {
      method: "GET",
      path: "experiments/get",
      access: "read",
      handle({ fields, workspace }) {
        const id = string(fields, "experiment_id");
        return message(
          (tx) => byId(tx, workspace, experimentNumber(id)),
          `No Experiment with id=${id} exists`,
        );
      },
    },
    {
      method: "GET",
      path: "experiments/get-by-name",
      access: "read",
      handle({ fields, workspace }) {
        const name = string(fields, "experiment_name");
        return message((tx) => byName(tx, workspace, name), `Could not find experiment with name '${name}'`);
      },
    },
    { method: "POST", path: "experiments/search", access: "read", handle: search },
    { method: "GET", path: "experiments/search", access: "read", handle: search },
    { method: "POST", path: "experiments/delete", access: "write", handle: setStage("deleted") },
    { method: "POST", path: "experiments/restore", access: "write", handle: setStage("active") },
    {
      method: "POST",
      path: "experiments/update",
      access: "write",
      async handle({ fields, workspace }) {
        const experimentId = experimentNumber(string(fields, "experiment_id"));
        const name = string(fields, "new_name");
        await db.write(renameExperiment, {
          workspace,
          experimentId,
          name: experimentName(name),
          now: clock.now(),
        });
        return {};
      },
    },
    {
      method: "POST",
      path: "experiments/set-experiment-tag",
      access: "write",
      async handle({ fields, workspace }) {
        const experimentId = experimentNumber(string(fields, "experiment_id"));
        const tag = keyValue(fields, "", LIMITS.experimentTagValue);
        await db.write(setExperimentTag, { workspace, experimentId, ...tag });
        return {};
      },
    },
    {
      method: "POST",
      path: "experiments/delete-experiment-tag",
      access: "write",
      async handle({ fields, workspace }) {
        const experimentId = experimentNumber(string(fields, "experiment_id"));
        const key = string(fields, "key");
        await db.write(setExperimentTag, { workspace, experimentId, key, value: null });
        return {};
      },
    },
  ];
}

/** As in MLflow, only the default tenant may choose; the other tenants' parts of the root are not its own. */
function ownLocation(workspace: string, location: string, workingDir: string): string {
  if (workspace !== DEFAULT_TENANT) {
    throw invalid("artifact_location cannot be specified when workspaces are enabled");
  }
  if (location.startsWith("runs:")) {
    throw invalid(`Artifact location cannot be a runs:/ URI. Given: '${location}'`);
  }
  const uri = checkArtifactLocation(location, workingDir);
  const path = artifactPathOf(uri);
  if (path === undefined || isOfTenant(path, workspace)) return uri;
  throw invalid(`Invalid artifact location: '${location}'. It belongs to another workspace.`);
}

function experimentName(name: string): string {
  return within(name, LIMITS.experimentName, "name");
}
