/** What a person or a token may do in one tenant: see and predict; log and change; all of it and its settings. */
export const ROLES = ["viewer", "member", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** The tenant that is always there. A tenant is what MLflow calls a workspace. */
export const DEFAULT_TENANT = "default";

/** Who calls. Made by authentication and by nothing else. */
export interface Caller {
  /** Stable; what the audit log and `user_id` name. */
  name: string;
  /** `local`: loopback without a login. `step`: one of the platform's own pipeline steps. `nobody`: of an open route. */
  kind: "local" | "person" | "token" | "step" | "nobody";
  isPlatformAdmin: boolean;
  /** Per tenant; a platform admin is admin in all. */
  roles: Readonly<Record<string, Role>>;
  /** Of a token: what it may be used for, besides its owner's roles; null: everything they allow. */
  scopes: readonly Scope[] | null;
  tokenId: string | null;
}

/** Parts of the platform that a token can be narrowed to. */
export const SCOPES = ["read", "write", "predict", "git", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** A request's caller, and the tenant whose things it is about. */
export interface Identity {
  caller: Caller;
  tenant: string;
}

/** Loopback without a login: one fixed identity that may do everything. */
export const LOCAL_CALLER: Caller = {
  name: "local",
  kind: "local",
  isPlatformAdmin: true,
  roles: {},
  scopes: null,
  tokenId: null,
};

/** Of a route that asks for nothing. */
export const NOBODY: Caller = { ...LOCAL_CALLER, name: "nobody", kind: "nobody", isPlatformAdmin: false };

/** One of the platform's own pipeline steps, of one tenant. */
export function stepCaller(tenant: string): Caller {
  return {
    ...LOCAL_CALLER,
    name: "step",
    kind: "step",
    isPlatformAdmin: false,
    roles: { [tenant]: "member" },
  };
}
