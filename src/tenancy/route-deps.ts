import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import { ROLES, SCOPES } from "../http/identity.ts";
import type { Database } from "../store/database.ts";
import type { Authenticator } from "./authenticator.ts";
import type { AuditLog } from "./audit.ts";
import type { Passwords } from "./passwords.ts";
import type { SignInLimits } from "./sign-in-limits.ts";
import type { Sessions } from "./sessions.ts";

/** What the routes of tenancy are given. */
export interface TenancyRouteDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  authenticator: Authenticator;
  passwords: Passwords;
  limits: SignInLimits;
  sessions: Sessions;
  audit: AuditLog;
  /** Somebody's rights have changed. */
  changed: () => Promise<void>;
}

export const BASE = "/api/slipway/v1";

export const role = z.enum(ROLES);
export const scope = z.enum(SCOPES);
export const tenantName = z.string().min(1).max(63);
export const personName = z.string().min(1).max(128);

/** A zod schema as Fastify takes it. */
export function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
