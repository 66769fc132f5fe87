import { higher } from "../http/access.ts";
import type { Caller, Role, Scope } from "../http/identity.ts";
import type { ReadTx } from "../store/database.ts";

/** A caller, and until when what was read about it may be believed without looking again. */
export interface KnownCaller {
  caller: Caller;
  /** When its token or session ends; null: never. */
  expiresAt: number | null;
}

interface TokenRow {
  token_id: string;
  name: string;
  person: string | null;
  tenant: string | null;
  role: Role | null;
  is_platform_admin: number;
  scopes: string | null;
  expires_at: number | null;
}

export interface PersonRow {
  name: string;
  display_name: string;
  password_hash: string | null;
  is_platform_admin: number;
  is_disabled: number;
  issuer: string | null;
  subject: string | null;
  created_at: number;
  updated_at: number;
}

/** The caller of a living token; undefined for every other. */
export async function callerOfToken(
  tx: ReadTx,
  sha256: string,
  now: number,
): Promise<KnownCaller | undefined> {
  const row = await tx.get<TokenRow>(
    `SELECT token_id, name, person, tenant, role, is_platform_admin, scopes, expires_at FROM tokens
     WHERE sha256 = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
    [sha256, now],
  );
  if (!row) return undefined;
  const scopes = row.scopes === null ? null : (row.scopes.split(" ") as Scope[]);
  if (row.person !== null) {
    const owner = await callerOfPerson(tx, row.person);
    if (!owner) return undefined;
    const caller: Caller = { ...owner, kind: "token", scopes, tokenId: row.token_id };
    return { caller, expiresAt: row.expires_at };
  }
  const caller: Caller = {
    name: `token/${row.name}`,
    kind: "token",
    isPlatformAdmin: row.is_platform_admin === 1,
    roles: row.tenant === null || row.role === null ? {} : { [row.tenant]: row.role },
    scopes,
    tokenId: row.token_id,
  };
  return { caller, expiresAt: row.expires_at };
}

/** The caller of a living session; undefined for every other. */
export async function callerOfSession(
  tx: ReadTx,
  sha256: string,
  now: number,
): Promise<KnownCaller | undefined> {
  const row = await tx.get<{ person: string; expires_at: number }>(
    "SELECT person, expires_at FROM sessions WHERE sha256 = ? AND expires_at > ?",
    [sha256, now],
  );
  const caller = row && (await callerOfPerson(tx, row.person));
  return caller && { caller, expiresAt: row.expires_at };
}

/** A person who may come in, with the roles of now. */
export async function callerOfPerson(tx: ReadTx, name: string): Promise<Caller | undefined> {
  const row = await personRow(tx, name);
  if (!row || row.is_disabled === 1) return undefined;
  return {
    name,
    kind: "person",
    isPlatformAdmin: row.is_platform_admin === 1,
    roles: await rolesOf(tx, name),
    scopes: null,
    tokenId: null,
  };
}

export function personRow(tx: ReadTx, name: string): Promise<PersonRow | undefined> {
  return tx.get<PersonRow>(
    `SELECT name, display_name, password_hash, is_platform_admin, is_disabled, issuer, subject, created_at, updated_at
     FROM people WHERE name = ?`,
    [name],
  );
}

/** Per tenant the highest of a person's roles, given by hand or by the identity provider. */
export async function rolesOf(tx: ReadTx, person: string): Promise<Record<string, Role>> {
  const rows = await tx.all<{ tenant: string; role: Role }>(
    "SELECT tenant, role FROM roles WHERE person = ? ORDER BY tenant",
    [person],
  );
  const roles: Record<string, Role> = {};
  for (const { tenant, role } of rows) roles[tenant] = higher(roles[tenant], role);
  return roles;
}
