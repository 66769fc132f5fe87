import { roleIn, unknownTenant } from "../http/access.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Caller } from "../http/identity.ts";
import { invalid } from "../tracking/wire/errors.ts";
import { optionalMessage, optionalString, string, type Fields } from "../tracking/wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import { checkTenantName } from "./names.ts";
import type { TenancyRouteDeps } from "./route-deps.ts";
import {
  createTenant,
  deleteTenant,
  requireTenant,
  tenantRows,
  updateTenant,
  type TenantRow,
} from "./tenant-commands.ts";

const MODES: readonly string[] = ["RESTRICT", "SET_DEFAULT", "CASCADE"];

/**
 * Tenants by MLflow's workspace calls (mlflow/server/handlers.py, 3.17). The tenant is in the path, not in the header;
 * one that isn't the caller's isn't there.
 */
export function workspaceRoutes({
  db,
  clock,
  changed,
}: Pick<TenancyRouteDeps, "db" | "clock" | "changed">): MlflowRoute[] {
  const named = ({ params, caller }: MlflowCall, least: "viewer" | "admin"): string => {
    const name = params["workspace_name"] ?? "";
    checkTenantName(name);
    const own = roleIn(caller, name);
    if (own === undefined) throw unknownTenant(name);
    if (least === "admin" && own !== "admin")
      throw new SlipwayError("ACCESS_DENIED", `this needs the role admin in the tenant ${name}`);
    return name;
  };
  const one = "workspaces/:workspace_name";
  return [
    {
      method: "GET",
      path: "workspaces",
      access: "signed-in",
      handle: async ({ caller }) => ({
        workspaces: visible(await db.read(tenantRows), caller).map(workspace),
      }),
    },
    {
      method: "POST",
      path: "workspaces",
      access: "platform",
      async handle(call) {
        const name = string(call.fields, "name");
        if (name === "default") throw invalid("The 'default' workspace is reserved and cannot be created");
        checkTenantName(name);
        const row = await db.write(createTenant, {
          name,
          description: descriptionOf(call.fields),
          now: clock.now(),
        });
        await changed();
        call.status(201);
        return { workspace: workspace(row) };
      },
    },
    {
      method: "GET",
      path: one,
      access: "signed-in",
      async handle(call) {
        const name = named(call, "viewer");
        return { workspace: workspace(await db.read((tx) => requireTenant(tx, name))) };
      },
    },
    {
      method: "PATCH",
      path: one,
      access: "signed-in",
      async handle(call) {
        const name = named(call, "admin");
        const description = descriptionOf(call.fields);
        if (description === undefined) throw invalid("Workspace update must have at least one key");
        const { became } = await db.write(updateTenant, { name, description, now: clock.now() });
        return { workspace: workspace(became) };
      },
    },
    {
      method: "DELETE",
      path: one,
      access: "platform",
      async handle(call) {
        const name = call.params["workspace_name"] ?? "";
        checkTenantName(name);
        checkMode(call);
        await db.write(deleteTenant, { name, now: clock.now() });
        await changed();
        call.status(204);
        return {};
      },
    },
  ];
}

/** In the query, whatever the method is. Only MLflow's default is offered: files carry their tenant's name. */
function checkMode({ query }: MlflowCall): void {
  const mode = optionalString(query, "mode") ?? "RESTRICT";
  if (mode === "RESTRICT") return;
  if (!MODES.includes(mode))
    throw invalid(`Invalid deletion mode '${mode.slice(0, 100)}'. Must be one of: ${MODES.join(", ")}`);
  throw new SlipwayError(
    "MLFLOW_NOT_IMPLEMENTED",
    "Only an empty workspace is deleted here (mode RESTRICT): delete its experiments and models first.",
  );
}

/** The one setting there is. Files and archives of a workspace have their place, which can't be chosen. */
function descriptionOf(fields: Fields): string | undefined {
  const archival = optionalMessage(fields, "trace_archival_config") ?? {};
  for (const [where, name] of [
    [fields, "default_artifact_root"],
    [archival, "location"],
    [archival, "retention"],
  ] as const)
    if ((optionalString(where, name) ?? "").trim() !== "")
      throw invalid(
        `'${name}' can't be set here: each workspace's files lie below the server's artifact root.`,
      );
  return optionalString(fields, "description");
}

function visible(rows: readonly TenantRow[], caller: Caller): TenantRow[] {
  return rows.filter(({ name }) => roleIn(caller, name) !== undefined);
}

/** Protocol buffers leave out what isn't set. */
function workspace({ name, description }: TenantRow): object {
  return { name, ...(description === null ? {} : { description }) };
}
