import type { FastifyInstance } from "fastify";
import { BASE } from "./route-deps.ts";

/** Who the platform takes the caller for. */
export function whoamiRoute(app: FastifyInstance): void {
  app.get(
    `${BASE}/whoami`,
    { config: { access: "signed-in" }, schema: { tags: ["people"], summary: "Who the caller is" } },
    async ({ identity: { caller } }) => ({
      name: caller.name,
      kind: caller.kind,
      platformAdmin: caller.isPlatformAdmin,
      roles: caller.roles,
      scopes: caller.scopes,
      tokenId: caller.tokenId,
    }),
  );
}
