import type { Command } from "commander";
import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT, ROLES, type Role } from "../http/identity.ts";

/** How people sign in, as `slipway up` was told. */
export interface SignInOptions {
  /** Every request needs a caller, on loopback as well. */
  isRequired: boolean;
  /** Address at which people reach the platform, where it isn't the one it listens on: behind TLS, by a name. */
  publicUrl?: string;
  /** An identity provider that people sign in with. */
  oidc?: OidcOptions;
}

/** A provider of OpenID Connect, and what its groups mean here. */
export interface OidcOptions {
  issuer: string;
  clientId: string;
  /** File with the client's secret; undefined: SLIPWAY_OIDC_CLIENT_SECRET, or none. */
  secretFile?: string;
  /** Claim that lists a person's groups. */
  groupsClaim: string;
  /** Asked for besides `openid profile email`. */
  scopes: string[];
  grants: OidcGrant[];
}

/** Members of a group have a role in a tenant, or are platform admins. */
export type OidcGrant = { group: string } & ({ tenant: string; role: Role } | { isPlatformAdmin: true });

export interface GivenSignIn {
  auth: string;
  publicUrl?: string;
  oidcIssuer?: string;
  oidcClientId?: string;
  oidcSecretFile?: string;
  oidcGroupsClaim: string;
  oidcScope: string[];
  oidcGrant: string[];
}

/** Adds to `slipway up` what belongs to signing in. */
export function addSignInOptions(command: Command): Command {
  return command
    .option(
      "--auth <when>",
      "required: every request needs a caller, on loopback as well; auto: off loopback",
      "auto",
    )
    .option(
      "--public-url <url>",
      "address at which people reach the platform, such as https://ml.example.org",
    )
    .option("--oidc-issuer <url>", "identity provider (OpenID Connect) that people sign in with")
    .option("--oidc-client-id <id>", "this platform's client id there")
    .option("--oidc-secret-file <file>", "file with the client's secret (or SLIPWAY_OIDC_CLIENT_SECRET)")
    .option("--oidc-groups-claim <name>", "claim that lists a person's groups", "groups")
    .option(
      "--oidc-scope <name>",
      "scope to ask for besides openid, profile and email (repeatable)",
      collect,
      [],
    )
    .option(
      "--oidc-grant <group=tenant:role>",
      "what a group means here; group=platform-admin for all of it (repeatable)",
      collect,
      [],
    );
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** USAGE where they don't fit together. */
export function readSignIn(given: GivenSignIn, absolute: (path: string) => string): SignInOptions {
  if (given.auth !== "auto" && given.auth !== "required")
    throw usage("--auth", given.auth, "auto or required");
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcSecretFile: secretFile } = given;
  if ((issuer === undefined) !== (clientId === undefined))
    throw usage(issuer === undefined ? "--oidc-issuer" : "--oidc-client-id", "nothing", "both, or neither");
  const publicUrl = given.publicUrl === undefined ? undefined : webAddress("--public-url", given.publicUrl);
  return {
    // Where people have names, somebody without one is let in by mistake only.
    isRequired: given.auth === "required" || issuer !== undefined,
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/+$/, "") }),
    ...(issuer === undefined || clientId === undefined
      ? {}
      : {
          oidc: {
            issuer: webAddress("--oidc-issuer", issuer),
            clientId,
            ...(secretFile === undefined ? {} : { secretFile: absolute(secretFile) }),
            groupsClaim: given.oidcGroupsClaim,
            scopes: given.oidcScope,
            grants: given.oidcGrant.map(readGrant),
          },
        }),
  };
}

function readGrant(text: string): OidcGrant {
  const equals = text.lastIndexOf("=");
  const group = text.slice(0, Math.max(0, equals));
  const right = text.slice(equals + 1);
  if (group !== "" && right === "platform-admin") return { group, isPlatformAdmin: true };
  const [, tenant = DEFAULT_TENANT, word] = /^(?:([a-z0-9-]+):)?([a-z]+)$/.exec(right) ?? [];
  const role = ROLES.find((one) => one === word);
  if (group !== "" && role !== undefined) return { group, tenant, role };
  throw usage("--oidc-grant", text, `group=tenant:role with ${ROLES.join(", ")}, or group=platform-admin`);
}

function webAddress(where: string, given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isLocal = url !== undefined && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && (isLocal || where === "--public-url"));
  if (url !== undefined && isSafe && url.username === "" && url.hash === "") return given;
  throw usage(where, given, "an https:// address; http:// on this machine");
}

function usage(where: string, given: string, allowed: string): SlipwayError {
  return new SlipwayError("USAGE", "that isn't how people can sign in", { where, given, allowed });
}
