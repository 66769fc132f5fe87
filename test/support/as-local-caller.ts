import type { FastifyInstance } from "fastify";
import { LOCAL_CALLER } from "../../src/http/identity.ts";

/** For routes without our server around them: whoever calls is the local caller, about the default tenant. */
export function asLocalCaller(app: FastifyInstance): void {
  app.decorateRequest("identity");
  app.addHook("onRequest", async (request) => {
    request.identity = { caller: LOCAL_CALLER, tenant: "default" };
  });
}
