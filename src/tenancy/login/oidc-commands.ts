import { createHash } from "node:crypto";
import { higher } from "../../http/access.ts";
import type { Role } from "../../http/identity.ts";
import { SlipwayError } from "../../http/errors.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { personRow } from "../callers.ts";
import { isPersonName } from "../names.ts";
import { tenantRow } from "../tenant-commands.ts";
import type { GroupGrant, SignedIn } from "./oidc.ts";

/**
 * Whoever the provider says has come: known by issuer and subject alone, since names can be chosen there. At the first
 * time a person is made, under a name that nobody has; the groups' roles are set anew every time. Answers the name.
 */
export const signInByOidc = defineCommand(
  "tenancy.sign-in-by-oidc",
  async (
    tx,
    { signedIn, grants, now }: { signedIn: SignedIn; grants: readonly GroupGrant[]; now: number },
  ): Promise<{ name: string; isNew: boolean }> => {
    const { issuer, subject, displayName, groups } = signedIn;
    const known = await tx.get<{ name: string; is_disabled: number }>(
      "SELECT name, is_disabled FROM people WHERE issuer = ? AND subject = ?",
      [issuer, subject],
    );
    if (known?.is_disabled === 1)
      throw new SlipwayError("ACCESS_DENIED", "this person is shut out", { hint: "Ask a platform admin." });
    const name = known?.name ?? (await freeName(tx, signedIn));
    if (known === undefined)
      await tx.run(
        `INSERT INTO people (name, display_name, password_hash, is_platform_admin, issuer, subject, is_disabled,
           created_at, updated_at) VALUES (?, ?, NULL, 0, ?, ?, 0, ?, ?)`,
        [name, displayName ?? name, issuer, subject, now, now],
      );
    const mine = grants.filter(({ group }) => groups.includes(group));
    // Where groups make platform admins, only they do; else who is one stays one.
    if (grants.some((grant) => "isPlatformAdmin" in grant))
      await tx.run("UPDATE people SET is_platform_admin = ?, updated_at = ? WHERE name = ?", [
        mine.some((grant) => "isPlatformAdmin" in grant) ? 1 : 0,
        now,
        name,
      ]);
    await setRoles(tx, name, mine);
    return { name, isNew: known === undefined };
  },
);

async function setRoles(tx: Tx, person: string, grants: readonly GroupGrant[]): Promise<void> {
  const roles = new Map<string, Role>();
  for (const grant of grants)
    if ("role" in grant) roles.set(grant.tenant, higher(roles.get(grant.tenant), grant.role));
  await tx.run("DELETE FROM roles WHERE person = ? AND source = 'oidc'", [person]);
  for (const [tenant, role] of roles) {
    // A tenant that isn't made yet gives no right in one that is made later under its name.
    if (await tenantRow(tx, tenant))
      await tx.run("INSERT INTO roles (person, tenant, source, role) VALUES (?, ?, 'oidc', ?)", [
        person,
        tenant,
        role,
      ]);
  }
}

/** The first of the provider's names that could be one here and that nobody has. */
async function freeName(tx: Tx, { issuer, subject, names }: SignedIn): Promise<string> {
  for (const name of names) if (isPersonName(name) && !(await personRow(tx, name))) return name;
  return `oidc-${createHash("sha256").update(`${issuer} ${subject}`).digest("hex").slice(0, 20)}`;
}
