import type { Clock } from "../base/clock.ts";
import { defineCommand, type Database } from "../store/database.ts";
import { checkTenantName } from "./names.ts";
import { tenantRow } from "./tenant-commands.ts";

/** A tenant that whoever runs the platform has written down. */
export interface DeclaredTenant {
  name: string;
  description?: string | undefined;
}

export interface DeclaredTenantsDeps {
  db: Database;
  clock: Clock;
  /** Reads what is written down now. */
  read: () => Promise<readonly DeclaredTenant[]>;
  log: (error: unknown) => void;
}

const LOOK_MS = 10_000;

/** Makes those that aren't there; a description that people have changed since stays. Answers the names of new ones. */
export const makeDeclared = defineCommand(
  "tenancy.make-declared",
  async (tx, { tenants, now }: { tenants: readonly DeclaredTenant[]; now: number }): Promise<string[]> => {
    const made: string[] = [];
    for (const { name, description } of tenants) {
      if (await tenantRow(tx, name)) continue;
      await tx.run("INSERT INTO tenants (name, description, created_at, updated_at) VALUES (?, ?, ?, ?)", [
        name,
        description ?? null,
        now,
        now,
      ]);
      made.push(name);
    }
    return made;
  },
);

/**
 * Makes the tenants that are written down, now and as more are, until the signal is aborted. None is ever taken away:
 * what is a tenant's is only deleted by a person.
 */
export async function keepDeclared(
  { db, clock, read, log }: DeclaredTenantsDeps,
  signal: AbortSignal,
): Promise<void> {
  let last = "";
  while (!signal.aborted) {
    try {
      const tenants = await read();
      for (const { name } of tenants) checkTenantName(name);
      const text = JSON.stringify(tenants);
      if (text !== last) await db.write(makeDeclared, { tenants, now: clock.now() });
      last = text;
    } catch (error) {
      log(error);
    }
    await clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}
