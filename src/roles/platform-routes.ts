import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Events } from "../base/events.ts";
import { queryFlag } from "../http/query-flag.ts";
import { frontPageHtml, frontPageText } from "./front-page.ts";

export interface PlatformRoutesDeps {
  version: string;
  mlflowVersion: string;
  /** Of this platform; goes where its data folder goes. */
  platformId: string;
  /** Where the platform's work is done. */
  target: "local" | "kubernetes";
  dataDir: string;
  grpcPort: number;
  events: Events;
  /** Whose a subject of events is. */
  ownerOf: (subject: string) => Promise<string>;
  services: (tenant: string) => Promise<{ name: string; champion: number | null }[]>;
}

const BASE = "/api/slipway/v1";
const eventsQuery = z.object({
  subject: z.string().min(1).max(300).describe("Such as `service/digits` or `rollout/<id>`."),
  after: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Number of the last event that is known already."),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  follow: queryFlag,
});

/** What belongs to the platform as a whole: who it is, what happened. */
export function platformRoutes(app: FastifyInstance, deps: PlatformRoutesDeps): void {
  app.get(
    `${BASE}/info`,
    { schema: { summary: "Which Slipway this is" }, config: { access: "signed-in" } },
    async () => ({
      name: "slipway",
      version: deps.version,
      mlflowVersion: deps.mlflowVersion,
      platform: deps.platformId,
      target: deps.target,
      dataDir: deps.dataDir,
      grpcPort: deps.grpcPort,
    }),
  );
  app.get(
    "/",
    { schema: { hide: true }, config: { access: "read", tenantFrom: "request" } },
    async (request, reply) => {
      // The guard has checked the host's name.
      const base = `${request.protocol}://${request.headers.host ?? request.host}`;
      const page = { base, version: deps.version, services: await deps.services(request.identity.tenant) };
      const isBrowser = request.headers.accept?.includes("text/html") === true;
      if (!isBrowser) return reply.type("text/plain; charset=utf-8").send(frontPageText(page));
      reply.header("content-security-policy", "default-src 'none'");
      return reply.type("text/html; charset=utf-8").send(frontPageHtml(page));
    },
  );
  app.get(
    `${BASE}/events`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "What happened to one subject, oldest first",
        description: "With `follow` the answer goes on as one JSON object per line until the caller leaves.",
        querystring: z.toJSONSchema(eventsQuery, { target: "draft-7", io: "input" }),
      },
    },
    async (request, reply) => {
      const { subject, after, limit, follow } = eventsQuery.parse(request.query);
      const { tenant } = request.identity;
      // Of a subject that is another's nothing has happened, as of one that isn't there.
      const isOwn = async (): Promise<boolean> => (await deps.ownerOf(subject)) === tenant;
      if (!follow)
        return { events: (await isOwn()) ? await deps.events.list(subject, { after, limit }) : [] };
      const left = new AbortController();
      request.raw.once("close", () => left.abort());
      reply.hijack();
      reply.raw.writeHead(200, { "content-type": "application/x-ndjson" });
      let isKnown = false;
      for await (const event of deps.events.follow(subject, { after, signal: left.signal })) {
        // Whose it is may show only when something happens to it.
        if (!isKnown && !(await isOwn())) continue;
        isKnown = true;
        reply.raw.write(`${JSON.stringify(event)}\n`);
      }
      reply.raw.end();
      return reply;
    },
  );
}
