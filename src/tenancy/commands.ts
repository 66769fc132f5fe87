import { auditCommands } from "./audit-commands.ts";
import { makeDeclared } from "./declared-tenants.ts";
import { confirmDevice, startDevice, takeDevice } from "./login/device-commands.ts";
import { signInByOidc } from "./login/oidc-commands.ts";
import { createPerson, deletePerson, updatePerson } from "./people-commands.ts";
import { sessionCommands } from "./sessions.ts";
import { createTenant, deleteTenant, setRole, updateTenant } from "./tenant-commands.ts";
import { createToken, noteTokenUses, revokeToken } from "./token-commands.ts";

/** Everything that tenancy writes, for the writer's thread. */
export const tenancyCommands = [
  createTenant,
  updateTenant,
  deleteTenant,
  setRole,
  makeDeclared,
  createToken,
  revokeToken,
  noteTokenUses,
  createPerson,
  updatePerson,
  deletePerson,
  ...sessionCommands,
  startDevice,
  confirmDevice,
  takeDevice,
  signInByOidc,
  ...auditCommands,
];
