import type { FastifyInstance, FastifyRequest } from "fastify";
import { DEFAULT_TENANT, type Caller } from "../http/identity.ts";
import { createForward } from "../serving/front/forward.ts";
import type { Upstream } from "../serving/front/upstream.ts";
import { isPredictionPath } from "../serving/router/routes.ts";

/** Whose services the caller may ask is serve's to say: here any tenant of the caller's will do. */
const CONFIG = {
  access: "predict" as const,
  tenantFrom: "owner" as const,
  ownerOf: async (_request: FastifyRequest, { roles }: Caller): Promise<string> =>
    Object.keys(roles)[0] ?? DEFAULT_TENANT,
};

/** Longest silence of serve while it answers a prediction that came over control. */
const FORWARD_IDLE_MS = 60_000;

/** A connection that began with something else may carry a prediction too; serve answers it. */
export function predictionRoutes(app: FastifyInstance, serve: Upstream): void {
  const forward = createForward(serve, FORWARD_IDLE_MS);
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const path of [
      "/v1/*",
      "/v2",
      "/v2/*",
      "/endpoints/*",
      "/invocations",
      "/ping",
      "/ready",
      "/ready/*",
    ]) {
      scope.all(path, { schema: { hide: true }, config: CONFIG }, (request, reply) => {
        // Serve hands on what it doesn't take for a prediction: the two must agree, or a request goes round for ever.
        if (!isPredictionPath(request.raw.url ?? "/")) return reply.callNotFound();
        reply.hijack();
        forward(request.raw, reply.raw);
        return reply;
      });
    }
    scope.addHook("onClose", async () => forward.close());
  });
}
