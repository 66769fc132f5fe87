import type { Identity } from "./identity.ts";

/**
 * The authorisation table's column: what a route asks of its caller. Every route of every API has one; a route
 * without doesn't start. `open`: nothing, since it holds no data. `signed-in`: any caller. `read`, `write`, `admin`: viewer,
 * member, admin of the request's tenant. `predict`: viewer, by tokens of that scope. `platform`: a platform admin.
 */
export const ACCESS = ["open", "signed-in", "read", "predict", "write", "admin", "platform"] as const;
export type Access = (typeof ACCESS)[number];

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls, about which tenant; of an open route the local or an empty identity. */
    identity: Identity;
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}
