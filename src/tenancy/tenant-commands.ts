import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT, type Role } from "../http/identity.ts";
import { defineCommand, type ReadTx, type Tx } from "../store/database.ts";
import { personRow } from "./callers.ts";
import { unknownTenant } from "../http/access.ts";

export interface TenantRow {
  name: string;
  description: string | null;
  default_artifact_root: string | null;
  trace_archival_location: string | null;
  trace_archival_retention: string | null;
  created_at: number;
  updated_at: number;
}

/** What a tenant can be told; undefined leaves it as it is, an empty text takes it away. */
export interface TenantSettings {
  description?: string | undefined;
  defaultArtifactRoot?: string | undefined;
  traceArchivalLocation?: string | undefined;
  traceArchivalRetention?: string | undefined;
}

/** What becomes of a tenant's things when it goes: they hold it back, or go to the default tenant. */
export type DeletionMode = "RESTRICT" | "SET_DEFAULT";

const COLUMNS =
  "name, description, default_artifact_root, trace_archival_location, trace_archival_retention, created_at, updated_at";

export function tenantRow(tx: ReadTx, name: string): Promise<TenantRow | undefined> {
  return tx.get<TenantRow>(`SELECT ${COLUMNS} FROM tenants WHERE name = ?`, [name]);
}

export function tenantRows(tx: ReadTx): Promise<TenantRow[]> {
  return tx.all<TenantRow>(`SELECT ${COLUMNS} FROM tenants ORDER BY name`);
}

export async function requireTenant(tx: ReadTx, name: string): Promise<TenantRow> {
  const row = await tenantRow(tx, name);
  if (!row) throw unknownTenant(name);
  return row;
}

export const createTenant = defineCommand(
  "tenancy.create-tenant",
  async (
    tx,
    { name, settings, now }: { name: string; settings: TenantSettings; now: number },
  ): Promise<TenantRow> => {
    if (await tenantRow(tx, name))
      throw new SlipwayError("TENANT_EXISTS", `Workspace '${name}' already exists.`, { given: name });
    await tx.run("INSERT INTO tenants (name, created_at, updated_at) VALUES (?, ?, ?)", [name, now, now]);
    await setSettings(tx, name, settings, now);
    return requireTenant(tx, name);
  },
);

export const updateTenant = defineCommand(
  "tenancy.update-tenant",
  async (
    tx,
    { name, settings, now }: { name: string; settings: TenantSettings; now: number },
  ): Promise<{ was: TenantRow; became: TenantRow }> => {
    const was = await requireTenant(tx, name);
    await setSettings(tx, name, settings, now);
    return { was, became: await requireTenant(tx, name) };
  },
);

export const deleteTenant = defineCommand(
  "tenancy.delete-tenant",
  async (tx, { name, mode, now }: { name: string; mode: DeletionMode; now: number }): Promise<TenantRow> => {
    if (name === DEFAULT_TENANT)
      throw new SlipwayError("TENANT_RESERVED", `The '${name}' workspace is reserved and cannot be deleted`);
    const was = await requireTenant(tx, name);
    for (const table of await tablesOfTenants(tx)) await releaseTable(tx, table, name, mode);
    await tx.run("DELETE FROM roles WHERE tenant = ?", [name]);
    await tx.run("UPDATE tokens SET revoked_at = ? WHERE tenant = ? AND revoked_at IS NULL", [now, name]);
    await tx.run("DELETE FROM tenants WHERE name = ?", [name]);
    return was;
  },
);

/** Gives a person a role by hand; null takes it away. Answers the role that was. */
export const setRole = defineCommand(
  "tenancy.set-role",
  async (
    tx,
    { person, tenant, role }: { person: string; tenant: string; role: Role | null },
  ): Promise<Role | null> => {
    await requireTenant(tx, tenant);
    if (!(await personRow(tx, person)))
      throw new SlipwayError("PERSON_NOT_FOUND", `there is no person ${person}`, { given: person });
    const key = [person, tenant];
    const was = await tx.get<{ role: Role }>(
      "SELECT role FROM roles WHERE person = ? AND tenant = ? AND source = 'hand'",
      key,
    );
    await tx.run("DELETE FROM roles WHERE person = ? AND tenant = ? AND source = 'hand'", key);
    if (role !== null)
      await tx.run("INSERT INTO roles (person, tenant, source, role) VALUES (?, ?, 'hand', ?)", [
        ...key,
        role,
      ]);
    return was?.role ?? null;
  },
);

async function setSettings(tx: Tx, name: string, settings: TenantSettings, now: number): Promise<void> {
  const columns: Record<keyof TenantSettings, string> = {
    description: "description",
    defaultArtifactRoot: "default_artifact_root",
    traceArchivalLocation: "trace_archival_location",
    traceArchivalRetention: "trace_archival_retention",
  };
  for (const key of Object.keys(columns) as (keyof TenantSettings)[]) {
    const value = settings[key];
    if (value === undefined) continue;
    // A description may be empty; MLflow takes an empty place or retention for none.
    const kept = value === "" && key !== "description" ? null : value;
    await tx.run(`UPDATE tenants SET ${columns[key]} = ? WHERE name = ?`, [kept, name]);
  }
  await tx.run("UPDATE tenants SET updated_at = ? WHERE name = ?", [now, name]);
}

/** Every table whose rows say whose they are: asked of the database, so that no feature can be forgotten. */
async function tablesOfTenants(tx: ReadTx): Promise<string[]> {
  const sql =
    tx.dialect === "sqlite"
      ? `SELECT m.name AS name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'workspace'
         WHERE m.type = 'table' ORDER BY m.name`
      : `SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t
           ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
         WHERE c.column_name = 'workspace' AND c.table_schema = current_schema() ORDER BY c.table_name`;
  return (await tx.all<{ name: string }>(sql)).map(({ name }) => name);
}

async function releaseTable(tx: Tx, table: string, tenant: string, mode: DeletionMode): Promise<void> {
  const held = await tx.get<{ held: number }>(`SELECT 1 AS held FROM ${table} WHERE workspace = ? LIMIT 1`, [
    tenant,
  ]);
  if (!held) return;
  if (mode === "RESTRICT")
    throw new SlipwayError("TENANT_NOT_EMPTY", `Cannot delete workspace '${tenant}': it still has ${table}`);
  try {
    await tx.run(`UPDATE ${table} SET workspace = ? WHERE workspace = ?`, [DEFAULT_TENANT, tenant]);
  } catch (error) {
    throw new SlipwayError(
      "TENANT_NOT_EMPTY",
      `Cannot delete workspace '${tenant}': ${table} of it have names that are taken in '${DEFAULT_TENANT}'`,
      { hint: "Rename what has the same name in both, and delete again.", cause: error },
    );
  }
}
