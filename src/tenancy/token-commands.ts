import { SlipwayError } from "../http/errors.ts";
import type { Role, Scope } from "../http/identity.ts";
import { defineCommand } from "../store/database.ts";
import { personRow } from "./callers.ts";
import { requireTenant } from "./tenant-commands.ts";

/** Living tokens of all; each is a row that authentication may have to find. */
const MOST_TOKENS = 20_000;

export interface NewToken {
  tokenId: string;
  sha256: string;
  name: string;
  /** Whose; null: of nobody, with the role below. */
  person: string | null;
  tenant: string | null;
  role: Role | null;
  isPlatformAdmin: boolean;
  scopes: readonly Scope[] | null;
  createdBy: string;
  expiresAt: number | null;
  now: number;
}

export const createToken = defineCommand(
  "tenancy.create-token",
  async (tx, token: NewToken): Promise<null> => {
    const { person, tenant, now } = token;
    if (person !== null && !(await personRow(tx, person)))
      throw new SlipwayError("PERSON_NOT_FOUND", `there is no person ${person}`);
    if (tenant !== null) await requireTenant(tx, tenant);
    const row = await tx.get<{ living: number }>(
      "SELECT COUNT(*) AS living FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
      [now],
    );
    if (Number(row?.living ?? 0) >= MOST_TOKENS)
      throw new SlipwayError("TOKEN_INVALID", `there are ${MOST_TOKENS} tokens, which is the limit`, {
        hint: "Revoke those that nobody uses.",
      });
    await tx.run(
      `INSERT INTO tokens (token_id, sha256, name, person, tenant, role, is_platform_admin, scopes, created_by,
       created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        token.tokenId,
        token.sha256,
        token.name,
        person,
        tenant,
        token.role,
        token.isPlatformAdmin ? 1 : 0,
        token.scopes?.join(" ") ?? null,
        token.createdBy,
        now,
        token.expiresAt,
      ],
    );
    return null;
  },
);

/** Revoked once is revoked: a second time changes nothing. */
export const revokeToken = defineCommand(
  "tenancy.revoke-token",
  async (tx, { tokenId, now }: { tokenId: string; now: number }): Promise<null> => {
    await tx.run("UPDATE tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL", [
      now,
      tokenId,
    ]);
    return null;
  },
);

export const noteTokenUses = defineCommand(
  "tenancy.note-token-uses",
  async (tx, { uses }: { uses: { tokenId: string; at: number }[] }): Promise<null> => {
    for (const { tokenId, at } of uses)
      await tx.run(
        "UPDATE tokens SET last_used_at = ? WHERE token_id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
        [at, tokenId, at],
      );
    return null;
  },
);
