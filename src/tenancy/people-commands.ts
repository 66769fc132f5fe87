import { SlipwayError } from "../http/errors.ts";
import { defineCommand, type ReadTx } from "../store/database.ts";
import { personRow, type PersonRow } from "./callers.ts";

export interface NewPerson {
  name: string;
  displayName: string;
  /** Of scrypt; null: no password. */
  passwordHash: string | null;
  isPlatformAdmin: boolean;
  now: number;
}

/** What changes of a person; undefined stays as it is. */
export interface PersonChange {
  name: string;
  displayName?: string | undefined;
  passwordHash?: string | undefined;
  isPlatformAdmin?: boolean | undefined;
  isDisabled?: boolean | undefined;
  now: number;
}

export async function requirePerson(tx: ReadTx, name: string): Promise<PersonRow> {
  const row = await personRow(tx, name);
  if (!row) throw new SlipwayError("PERSON_NOT_FOUND", `there is no person ${name}`, { given: name });
  return row;
}

export const createPerson = defineCommand(
  "tenancy.create-person",
  async (tx, person: NewPerson): Promise<null> => {
    const { name, now } = person;
    if (await personRow(tx, name))
      throw new SlipwayError("PERSON_EXISTS", `there is a person ${name} already`, { given: name });
    await tx.run(
      `INSERT INTO people (name, display_name, password_hash, is_platform_admin, is_disabled, created_at, updated_at)
     VALUES (?, ?, ?, ?, 0, ?, ?)`,
      [name, person.displayName, person.passwordHash, person.isPlatformAdmin ? 1 : 0, now, now],
    );
    return null;
  },
);

/** A new password, and being shut out, end the person's sessions. Answers what was. */
export const updatePerson = defineCommand(
  "tenancy.update-person",
  async (tx, change: PersonChange): Promise<PersonRow> => {
    const was = await requirePerson(tx, change.name);
    await tx.run(
      `UPDATE people SET display_name = ?, password_hash = ?, is_platform_admin = ?, is_disabled = ?, updated_at = ?
       WHERE name = ?`,
      [
        change.displayName ?? was.display_name,
        change.passwordHash ?? was.password_hash,
        change.isPlatformAdmin === undefined ? was.is_platform_admin : change.isPlatformAdmin ? 1 : 0,
        change.isDisabled === undefined ? was.is_disabled : change.isDisabled ? 1 : 0,
        change.now,
        change.name,
      ],
    );
    if (change.passwordHash !== undefined || change.isDisabled === true)
      await tx.run("DELETE FROM sessions WHERE person = ?", [change.name]);
    return was;
  },
);

/** Their tokens end with them; what they did stays in the audit log under their name. */
export const deletePerson = defineCommand(
  "tenancy.delete-person",
  async (tx, { name, now }: { name: string; now: number }): Promise<PersonRow> => {
    const was = await requirePerson(tx, name);
    await tx.run("UPDATE tokens SET revoked_at = ? WHERE person = ? AND revoked_at IS NULL", [now, name]);
    await tx.run("DELETE FROM roles WHERE person = ?", [name]);
    await tx.run("DELETE FROM sessions WHERE person = ?", [name]);
    await tx.run("DELETE FROM people WHERE name = ?", [name]);
    return was;
  },
);
