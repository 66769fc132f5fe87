import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { defineCommand, type Migration, type ReadTx, type Tx } from "../store/database.ts";

/**
 * Whose a service is. Its name is the whole platform's, since addresses of predictions carry no tenant, and it belongs to
 * whoever used it first, for good. What was there before belongs to the default tenant.
 */
export const serviceOwnersMigration: Migration = {
  id: "rollout-005",
  statements: [
    "CREATE TABLE service_owners (service TEXT PRIMARY KEY, workspace TEXT NOT NULL)",
    "CREATE INDEX service_owners_by_workspace ON service_owners (workspace, service)",
    `INSERT INTO service_owners (service, workspace) SELECT name, '${DEFAULT_TENANT}' FROM rollout_services`,
  ],
};

/** A condition on a column that holds a service's name; its parameter is the tenant. */
export function ofTenant(column: string): string {
  return `${column} IN (SELECT service FROM service_owners WHERE workspace = ?)`;
}

/** The tenant whose service this is; undefined: nobody has used the name yet. */
export async function ownerOfService(tx: ReadTx, service: string): Promise<string | undefined> {
  const row = await tx.get<{ workspace: string }>("SELECT workspace FROM service_owners WHERE service = ?", [
    service,
  ]);
  return row?.workspace;
}

export interface ServiceClaim {
  service: string;
  tenant: string;
}

/** Gives a name that nobody has used to the tenant; NAME_TAKEN when it is another's. */
export async function takeService(tx: Tx, { service, tenant }: ServiceClaim): Promise<void> {
  await tx.run(
    "INSERT INTO service_owners (service, workspace) VALUES (?, ?) ON CONFLICT (service) DO NOTHING",
    [service, tenant],
  );
  if ((await ownerOfService(tx, service)) !== tenant)
    throw new SlipwayError("NAME_TAKEN", `the name ${service} is taken`, { given: service });
}

/** `takeService` as a write of its own. */
export const claimService = defineCommand(
  "rollout.claim-service",
  async (tx, claim: ServiceClaim): Promise<void> => takeService(tx, claim),
);
