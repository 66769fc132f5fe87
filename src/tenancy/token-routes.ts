import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { accessError, covers, roleIn } from "../http/access.ts";
import { digestOf, TOKEN_PREFIX } from "../http/credentials.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Caller, Role, Scope } from "../http/identity.ts";
import { queryFlag } from "../http/query-flag.ts";
import { BASE, draft7, personName, role, scope, tenantName, type TenancyRouteDeps } from "./route-deps.ts";
import { createToken, revokeToken } from "./token-commands.ts";

const DAY_MS = 24 * 60 * 60_000;
const DEFAULT_DAYS = 90;
const MOST_DAYS = 366 * 5;

const newToken = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.@+-]{1,64}$/, "1 to 64 letters, digits and . _ @ + -")
    .describe("What it is for."),
  scopes: z
    .array(scope)
    .min(1)
    .optional()
    .describe("What it may be used for, besides its owner's roles; left out: everything they allow."),
  // Not null for never: where types are coerced, 0 would be that too.
  expiresInDays: z
    .union([z.number().positive().max(MOST_DAYS), z.literal("never")])
    .default(DEFAULT_DAYS)
    .describe("A number of days, or `never`."),
  person: personName.optional().describe("Whose; a platform admin may name another than the caller."),
  tenant: tenantName
    .optional()
    .describe("Of a machine, in this tenant, with `role`; an admin of the tenant may."),
  role: role.optional(),
  platformAdmin: z
    .boolean()
    .optional()
    .describe("Of a machine that may do everything; a platform admin may."),
});
const listQuery = z.object({
  person: personName.optional().describe("Another person's; platform admins only."),
  tenant: tenantName.optional().describe("Of machines in this tenant; its admins only."),
  all: queryFlag.describe("All tokens of the platform; platform admins only."),
});
const ofToken = z.object({ token: z.string().min(1).max(64) });

type NewToken = z.infer<typeof newToken>;

interface Row {
  token_id: string;
  name: string;
  person: string | null;
  tenant: string | null;
  role: Role | null;
  is_platform_admin: number;
  scopes: string | null;
  created_by: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

interface TokenView {
  id: string;
  name: string;
  person: string | null;
  tenant: string | null;
  role: Role | null;
  platformAdmin: boolean;
  scopes: string[] | null;
  createdBy: string;
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
  lastUsedAt: number | null;
}

const COLUMNS =
  "token_id, name, person, tenant, role, is_platform_admin, scopes, created_by, created_at, expires_at, revoked_at, last_used_at";

/** Tokens, below /api/slipway/v1. */
export function tokenRoutes(app: FastifyInstance, deps: TenancyRouteDeps): void {
  const { db, clock, changed } = deps;
  app.post(
    `${BASE}/tokens`,
    {
      config: { access: "signed-in" },
      schema: {
        tags: ["tokens"],
        summary: "Make a token, which is shown this once",
        body: draft7(newToken),
      },
    },
    async (request, reply) => {
      const given = newToken.parse(request.body);
      const owner = ownerOf(request.identity.caller, given);
      const made = await makeToken(deps, request.identity.caller.name, { ...given, ...owner });
      request.audited = { subject: `token/${made.view.id}`, became: made.view };
      await changed();
      return reply.status(201).send({ ...made.view, token: made.token });
    },
  );
  app.get(
    `${BASE}/tokens`,
    {
      config: { access: "signed-in" },
      schema: { tags: ["tokens"], summary: "Tokens, newest first", querystring: draft7(listQuery) },
    },
    async ({ identity, query }) => {
      const [where, params] = listed(identity.caller, listQuery.parse(query));
      const rows = await db.read((tx) =>
        tx.all<Row>(
          `SELECT ${COLUMNS} FROM tokens ${where} ORDER BY created_at DESC, token_id LIMIT 1000`,
          params,
        ),
      );
      return { tokens: rows.map(tokenView) };
    },
  );
  app.delete(
    `${BASE}/tokens/:token`,
    {
      config: { access: "signed-in" },
      schema: { tags: ["tokens"], summary: "Revoke a token, at once", params: draft7(ofToken) },
    },
    async (request, reply) => {
      const { token } = ofToken.parse(request.params);
      const row = await db.read((tx) =>
        tx.get<Row>(`SELECT ${COLUMNS} FROM tokens WHERE token_id = ?`, [token]),
      );
      if (!row || !mayRevoke(request.identity.caller, row))
        throw new SlipwayError("TOKEN_NOT_FOUND", `there is no token ${token}`);
      await db.write(revokeToken, { tokenId: token, now: clock.now() });
      request.audited = { subject: `token/${token}`, was: tokenView(row) };
      await changed();
      return reply.status(204).send();
    },
  );
}

interface Owner {
  person?: string | undefined;
  tenant?: string | undefined;
  role?: Role | undefined;
  platformAdmin?: boolean | undefined;
}

/** Makes a token; answers it, once, and how it is shown from now on. */
export async function makeToken(
  { db, clock, ids }: Pick<TenancyRouteDeps, "db" | "clock" | "ids">,
  createdBy: string,
  given: Owner & { name: string; scopes?: readonly Scope[] | undefined; expiresInDays: number | "never" },
): Promise<{ token: string; view: TokenView }> {
  const token = `${TOKEN_PREFIX}${randomBytes(32).toString("base64url")}`;
  const now = clock.now();
  const tokenId = ids.sortable("tk");
  await db.write(createToken, {
    tokenId,
    sha256: digestOf(token),
    name: given.name,
    person: given.person ?? null,
    tenant: given.tenant ?? null,
    role: given.role ?? null,
    isPlatformAdmin: given.platformAdmin === true,
    scopes: given.scopes === undefined ? null : [...new Set(given.scopes)],
    createdBy,
    expiresAt: given.expiresInDays === "never" ? null : Math.round(now + given.expiresInDays * DAY_MS),
    now,
  });
  const row = await db.read((tx) =>
    tx.get<Row>(`SELECT ${COLUMNS} FROM tokens WHERE token_id = ?`, [tokenId]),
  );
  if (!row) throw new SlipwayError("INTERNAL", "the token isn't there");
  return { token, view: tokenView(row) };
}

/** Whose the new token is. Nobody makes one that can do more than its maker. */
function ownerOf(caller: Caller, given: NewToken): Owner {
  if (!covers(caller.scopes, "admin"))
    throw new SlipwayError("SCOPE_MISSING", "a narrowed token can't make another", {
      allowed: "a token with the scope admin, or without scopes",
    });
  const widened = given.scopes?.find((one) => !covers(caller.scopes, one));
  if (widened !== undefined || (caller.scopes !== null && given.scopes === undefined))
    throw new SlipwayError("SCOPE_MISSING", "a token can't make another that is for more", {
      given: widened ?? "everything",
      allowed: caller.scopes?.join(", ") ?? "",
    });
  const { person, tenant, platformAdmin } = given;
  if ([person, tenant, platformAdmin].filter((one) => one !== undefined).length > 1)
    throw invalid("a token is of a person, of a machine in a tenant, or of a machine that may do everything");
  if ((tenant === undefined) !== (given.role === undefined))
    throw invalid("`tenant` and `role` belong together: a machine's token has one role in one tenant");
  if (tenant !== undefined) {
    const refused = accessError(caller, tenant, "admin");
    if (refused !== null) throw refused;
    return { tenant, role: given.role };
  }
  if (platformAdmin === true || (person !== undefined && person !== caller.name)) {
    const refused = accessError(caller, "", "platform");
    if (refused !== null) throw refused;
    return platformAdmin === true ? { platformAdmin } : { person };
  }
  if (caller.kind !== "person" && !isOfPerson(caller))
    throw invalid(
      `${caller.name} is no person, so it must be said whose the token is: person, or tenant and role`,
    );
  return { person: caller.name };
}

/** A token of a person bears its name; those of machines begin otherwise. */
function isOfPerson({ kind, name, tokenId }: Caller): boolean {
  return kind === "token" && tokenId !== null && !name.startsWith("token/");
}

function listed(caller: Caller, query: z.infer<typeof listQuery>): [string, string[]] {
  const { person = caller.name, tenant, all } = query;
  const isOwn = tenant === undefined && !all && person === caller.name;
  if (isOwn && !covers(caller.scopes, "read"))
    throw new SlipwayError("SCOPE_MISSING", "this token wasn't made for that", {
      given: caller.scopes?.join(", ") ?? "",
      allowed: "a token with the scope read, or without scopes",
    });
  if (!isOwn) {
    const refused = accessError(caller, tenant ?? "", tenant === undefined ? "platform" : "admin");
    if (refused !== null) throw refused;
  }
  if (all || (isOwn && caller.kind === "local")) return ["", []];
  return tenant === undefined ? ["WHERE person = ?", [person]] : ["WHERE tenant = ?", [tenant]];
}

/** Its owner, its tenant's admins and platform admins may; for all others it isn't there. A token may end itself. */
function mayRevoke(caller: Caller, row: Row): boolean {
  if (caller.tokenId === row.token_id) return true;
  if (!covers(caller.scopes, "admin")) return false;
  if (caller.isPlatformAdmin) return true;
  if (row.person !== null) return row.person === caller.name;
  return row.tenant !== null && roleIn(caller, row.tenant) === "admin";
}

function tokenView(row: Row): TokenView {
  return {
    id: row.token_id,
    name: row.name,
    person: row.person,
    tenant: row.tenant,
    role: row.role,
    platformAdmin: row.is_platform_admin === 1,
    scopes: row.scopes === null ? null : row.scopes.split(" "),
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}

function invalid(message: string): SlipwayError {
  return new SlipwayError("TOKEN_INVALID", message);
}
