import type { FastifyRequest } from "fastify";
import { isAtLeast, roleIn } from "../http/access.ts";
import { ROLES } from "../http/identity.ts";

/** Who decides about a rollout by hand, and for which roles; undefined on loopback without a login. */
export function identify({
  identity: { caller, tenant },
}: FastifyRequest): { name: string; roles: readonly string[] | "all" } | undefined {
  if (caller.kind === "local") return undefined;
  if (caller.isPlatformAdmin) return { name: caller.name, roles: "all" };
  const role = roleIn(caller, tenant);
  // An admin may say yes where a member is asked for.
  return { name: caller.name, roles: role === undefined ? [] : ROLES.filter((one) => isAtLeast(role, one)) };
}

/** Who pushes, for the record. */
export function callerName({ identity }: FastifyRequest): string {
  return identity.caller.name;
}
