import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { isDeeperThan, MAX_JSON_DEPTH } from "../http/json-depth.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Database } from "../store/database.ts";

export const BASE = "/api/slipway/v1/imports";
const MAX_SHOWN = 300;

export const importId = z.object({ importId: z.string().regex(/^im-[0-9a-f]{32}$/) });

/** A zod schema as the description of the API has it. */
export function described(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input", unrepresentable: "any" });
}

/**
 * The framework's own validation would turn texts into numbers where both are allowed: a route's body is read by
 * `read` alone.
 */
export const unchecked = { validatorCompiler: () => () => true };

/** A part of a request as its schema has it; INVALID_REQUEST names the first place that is wrong. */
export function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  if (isDeeperThan(value, MAX_JSON_DEPTH))
    throw new SlipwayError("INVALID_REQUEST", `values lie more than ${MAX_JSON_DEPTH} deep`);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new SlipwayError("INVALID_REQUEST", (issue?.message ?? "the request is wrong").slice(0, MAX_SHOWN), {
    where: (issue?.path.map(String).join(".") ?? "").slice(0, MAX_SHOWN),
  });
}

/** A platform and one of its tenants, as `slipway push` names where things come from; all else is an MLflow server. */
export const PUSH_SOURCE = /^slipway:[0-9a-f]{32}\/[a-z0-9][a-z0-9-]{0,62}$/;

/** The import that the path names, of the request's tenant. */
export async function importOf(request: FastifyRequest, db: Database): Promise<string> {
  return (await importAt(request, db)).importId;
}

/** The same, and where it comes from. */
export async function importAt(
  request: FastifyRequest,
  db: Database,
): Promise<{ importId: string; source: string }> {
  const { importId: id } = read(importId, request.params);
  const row = await db.read((tx) =>
    tx.get<{ source: string }>("SELECT source FROM imports WHERE import_id = ? AND tenant = ?", [
      id,
      request.identity.tenant,
    ]),
  );
  if (row) return { importId: id, source: row.source };
  throw new SlipwayError("NOT_FOUND", `there is no import ${id}`, { hint: "Begin one: POST /imports." });
}
