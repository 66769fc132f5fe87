import { covers, isAtLeast, unknownTenant } from "../../http/access.ts";
import { SlipwayError } from "../../http/errors.ts";
import { DEFAULT_TENANT, type Role, type Scope } from "../../http/identity.ts";
import type { ProjectExport } from "../wire.ts";
import type { Peer } from "./peer.ts";

interface Whoami {
  name: string;
  platformAdmin: boolean;
  roles: Record<string, Role>;
  scopes: Scope[] | null;
}

/** Finds the tenant that the target would take, and refuses a caller who may not write there all that a push writes. */
export async function requireRights(to: Peer, named: string | undefined): Promise<string> {
  const me = await to.get<Whoami>("/whoami");
  const [only, ...more] = Object.keys(me.roles);
  const isOnly = only !== undefined && more.length === 0 && !me.platformAdmin;
  const tenant = named ?? (isOnly ? only : DEFAULT_TENANT);
  const role = me.platformAdmin ? "admin" : me.roles[tenant];
  if (role === undefined && tenant !== DEFAULT_TENANT) throw unknownTenant(tenant);
  if (role === undefined || !isAtLeast(role, "admin"))
    throw new SlipwayError("ACCESS_DENIED", `this needs the role admin in the tenant ${tenant}`, {
      where: to.side.url,
      given: `${me.name} is ${role ?? "nobody there"}`,
    });
  const missing = (["admin", "git"] as const).filter((scope) => !covers(me.scopes, scope));
  if (missing.length > 0)
    throw new SlipwayError("SCOPE_MISSING", "the token for the target wasn't made for a push", {
      where: to.side.url,
      given: me.scopes?.join(", ") ?? "",
      allowed: "a token with the scopes admin and git, or without scopes",
    });
  return tenant;
}

/** PUSH_TARGET_OLDER when the target is older than the source: it may not know what is sent. */
export async function requireVersion(to: Peer, about: ProjectExport): Promise<void> {
  const info = await to.get<{ version: string; platform?: string }>("/info");
  if (info.platform === about.platform)
    throw new SlipwayError("USAGE", "that is the platform itself", {
      where: "<address>",
      given: to.side.url,
    });
  // One that tells no id can't take a push at all.
  if (info.platform !== undefined && compare(info.version, about.version) >= 0) return;
  throw new SlipwayError(
    "PUSH_TARGET_OLDER",
    `the platform at ${to.side.url} is older than the one pushed from`,
    {
      given: info.version,
      allowed: `${about.version} or newer`,
    },
  );
}

/** Below 0: the first one is older. By the three numbers; what hangs on them doesn't count. */
function compare(one: string, other: string): number {
  const numbers = (version: string): number[] => version.split(/[.+-]/, 3).map(Number);
  const others = numbers(other);
  for (const [at, number] of numbers(one).entries()) {
    const difference = number - (others[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
