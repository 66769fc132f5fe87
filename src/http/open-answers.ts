import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** Between two looks at whose answers still go on, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * Ends answers that go on when their caller may no longer have them: events and logs that are followed would otherwise
 * outlive the token that they were asked with. `mayGoOn` is asked again and again while an answer isn't over; when it
 * can't tell, the answer goes on. Answers what to call with each request that was let in.
 */
export function endWithAdmission(
  app: FastifyInstance,
  mayGoOn: (request: FastifyRequest) => boolean | Promise<boolean>,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const open = new Map<FastifyRequest, FastifyReply>();
  let isLooking = false;
  async function look(): Promise<void> {
    for (const [request, { raw }] of open)
      // One that hasn't begun is no stream: it may be what tells its caller that the token is revoked.
      if (raw.headersSent && !(await mayGoOn(request)) && open.has(request)) raw.destroy();
  }
  const timer = setInterval(() => {
    if (isLooking || open.size === 0) return;
    isLooking = true;
    void look().finally(() => (isLooking = false));
  }, LOOK_EVERY_MS).unref();
  app.addHook("onClose", async () => clearInterval(timer));
  return (request, reply) => {
    open.set(request, reply);
    reply.raw.once("close", () => open.delete(request));
  };
}
