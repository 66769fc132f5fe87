import type { TenancyRouteDeps } from "../route-deps.ts";
import type { OidcProvider } from "./oidc.ts";
import type { GroupGrant } from "./oidc.ts";

/** What signing in needs besides. */
export interface LoginDeps extends TenancyRouteDeps {
  /** Address at which people reach the platform, without a slash at its end; undefined: as the browser names it. */
  publicUrl?: string | undefined;
  /** Undefined: people sign in with passwords. */
  oidc?: { provider: OidcProvider; grants: readonly GroupGrant[] } | undefined;
}
