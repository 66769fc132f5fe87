import { SlipwayError } from "./errors.ts";
import { DEFAULT_TENANT, type Caller, type Identity, type Role, type Scope } from "./identity.ts";

/**
 * The authorisation table's column: what a route asks of its caller. Every route of every API has one; a route
 * without doesn't start. `open`: nothing, since it holds no data. `signed-in`: any caller. `read`, `write`, `admin`: viewer,
 * member, admin of the request's tenant. `predict`: viewer, by tokens of that scope. `platform`: a platform admin.
 */
export const ACCESS = ["open", "signed-in", "read", "predict", "write", "admin", "platform"] as const;
export type Access = (typeof ACCESS)[number];

/**
 * Whose things a route is about: always the default tenant's (what is the platform's own), the one that the request names
 * or its caller belongs to, the one in the path's `:tenant`, or the one whose thing the address names.
 */
export const TENANT_FROM = ["default", "request", "path", "owner"] as const;
export type TenantFrom = (typeof TENANT_FROM)[number];

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls, about which tenant; of an open route nobody. */
    identity: Identity;
    /** What its route asked of the caller. */
    access: Access;
  }
  interface FastifyContextConfig {
    /** Found by the request where one route stands for many calls, which add their own rows to the table. */
    access?: Access | ((request: FastifyRequest) => Access);
    /** Default: `default`. */
    tenantFrom?: TenantFrom;
    /** Where that is the owner: finds it; rejects as for a thing that isn't there when it is nothing to the caller. */
    ownerOf?: (request: FastifyRequest, caller: Caller) => Promise<string>;
    /** What a narrowed token must be for; by default what the access says. */
    scope?: Scope;
  }
}

/** The header by which a request names its tenant. */
export const TENANT_HEADER = "x-mlflow-workspace";

const RANK: Readonly<Record<Role, number>> = { viewer: 1, member: 2, admin: 3 };

const ROLE_FOR: Readonly<Partial<Record<Access, Role>>> = {
  read: "viewer",
  predict: "viewer",
  write: "member",
  admin: "admin",
};

const SCOPE_FOR: Readonly<Partial<Record<Access, Scope>>> = {
  read: "read",
  predict: "predict",
  write: "write",
  admin: "admin",
  platform: "admin",
};

/** What a scope covers besides itself: who may write may read what was written. */
const COVERS: Readonly<Record<Scope, readonly Scope[]>> = {
  read: ["read"],
  write: ["write", "read"],
  predict: ["predict"],
  git: ["git"],
  admin: ["admin", "write", "read"],
};

/** The caller's role in a tenant; a platform admin is admin in all. */
export function roleIn(caller: Caller, tenant: string): Role | undefined {
  if (caller.isPlatformAdmin) return "admin";
  return Object.hasOwn(caller.roles, tenant) ? caller.roles[tenant] : undefined;
}

export function isAtLeast(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}

/** The higher of two roles. */
export function higher(one: Role | undefined, other: Role): Role {
  return one !== undefined && isAtLeast(one, other) ? one : other;
}

/** Whether a token may be used for this, whatever its owner's roles are. */
export function covers(scopes: readonly Scope[] | null, wanted: Scope): boolean {
  return scopes === null || scopes.some((scope) => COVERS[scope].includes(wanted));
}

/** Why a caller may not do something of this kind in a tenant; null: it may. */
export function accessError(
  caller: Caller,
  tenant: string,
  access: Access,
  scope: Scope | undefined = SCOPE_FOR[access],
): SlipwayError | null {
  if (access === "open") return null;
  const wanted = ROLE_FOR[access];
  if (wanted !== undefined) {
    const role = roleIn(caller, tenant);
    // Of a tenant that isn't the caller's nothing is told, not even that it exists.
    if (role === undefined) return tenant === DEFAULT_TENANT ? denied(wanted, tenant) : unknownTenant(tenant);
    if (!isAtLeast(role, wanted)) return denied(wanted, tenant);
  } else if (access === "platform" && !caller.isPlatformAdmin) {
    return new SlipwayError("ACCESS_DENIED", "this is for platform admins");
  }
  if (scope === undefined || covers(caller.scopes, scope)) return null;
  return new SlipwayError("SCOPE_MISSING", "this token wasn't made for that", {
    given: caller.scopes?.join(", ") ?? "",
    allowed: `a token with the scope ${scope}, or without scopes`,
  });
}

/** A tenant that doesn't exist or isn't the caller's: the same words for both. */
export function unknownTenant(tenant: string): SlipwayError {
  return new SlipwayError("TENANT_NOT_FOUND", `Workspace '${tenant.slice(0, 100)}' not found`);
}

function denied(role: Role, tenant: string): SlipwayError {
  return new SlipwayError("ACCESS_DENIED", `this needs the role ${role} in the tenant ${tenant}`);
}

/**
 * The tenant that a request is about when its route leaves it to the request: the header, else the caller's only one,
 * else the default.
 */
export function requestedTenant(header: string | string[] | undefined, caller: Caller): string {
  const named = (Array.isArray(header) ? header[0] : header)?.trim();
  if (named !== undefined && named !== "") return named;
  const [first, ...more] = Object.keys(caller.roles);
  return first !== undefined && more.length === 0 && !caller.isPlatformAdmin ? first : DEFAULT_TENANT;
}
