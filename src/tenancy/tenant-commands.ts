import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT, type Role } from "../http/identity.ts";
import { defineCommand, type ReadTx } from "../store/database.ts";
import { personRow } from "./callers.ts";
import { unknownTenant } from "../http/access.ts";

export interface TenantRow {
  name: string;
  description: string | null;
  created_at: number;
  updated_at: number;
}

const COLUMNS = "name, description, created_at, updated_at";

interface Change {
  name: string;
  /** Undefined: as it is. */
  description: string | undefined;
  now: number;
}

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
  async (tx, { name, description, now }: Change): Promise<TenantRow> => {
    if (await tenantRow(tx, name))
      throw new SlipwayError("TENANT_EXISTS", `Workspace '${name}' already exists.`, { given: name });
    await tx.run("INSERT INTO tenants (name, description, created_at, updated_at) VALUES (?, ?, ?, ?)", [
      name,
      description ?? null,
      now,
      now,
    ]);
    return requireTenant(tx, name);
  },
);

export const updateTenant = defineCommand(
  "tenancy.update-tenant",
  async (tx, { name, description, now }: Change): Promise<{ was: TenantRow; became: TenantRow }> => {
    const was = await requireTenant(tx, name);
    const kept = description ?? was.description;
    await tx.run("UPDATE tenants SET description = ?, updated_at = ? WHERE name = ?", [kept, now, name]);
    return { was, became: await requireTenant(tx, name) };
  },
);

/** Only of an empty one: files and rows of a tenant carry its name, so they can't become another's. */
export const deleteTenant = defineCommand(
  "tenancy.delete-tenant",
  async (tx, { name, now }: { name: string; now: number }): Promise<TenantRow> => {
    if (name === DEFAULT_TENANT)
      throw new SlipwayError("TENANT_RESERVED", `The '${name}' workspace is reserved and cannot be deleted`);
    const was = await requireTenant(tx, name);
    for (const table of await tablesOfTenants(tx)) await requireEmpty(tx, table, name);
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

async function requireEmpty(tx: ReadTx, table: string, tenant: string): Promise<void> {
  const held = await tx.get<{ held: number }>(`SELECT 1 AS held FROM ${table} WHERE workspace = ? LIMIT 1`, [
    tenant,
  ]);
  if (held)
    throw new SlipwayError("TENANT_NOT_EMPTY", `Cannot delete workspace '${tenant}': it still has ${table}`);
}
