import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobContent } from "../../store/blobs.ts";
import type { StepDesk } from "./desk.ts";
import { HASH_PARAMS, KEY_PARAMS, RUN_PARAMS, TRY_PARAMS } from "./route-schemas.ts";
import { RUNS, tenantOf } from "./route-parts.ts";

type Hashed = FastifyRequest<{ Params: { id: string; sha256: string } }>;

/** What steps in pods fetch and leave as bytes: streamed both ways, never held. */
export function stepFileRoutes(app: FastifyInstance, desk: StepDesk): void {
  const config = { access: "write", tenantFrom: "request" } as const;
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

    scope.get(
      `${RUNS}/:id/source`,
      { config, schema: { summary: "For a step in a pod: its commit's files (tar)", params: RUN_PARAMS } },
      async (request: FastifyRequest<{ Params: { id: string } }>, reply) =>
        sendArchive(reply, await desk.source(tenantOf(request, desk), request.params.id)),
    );

    const archive = (summary: string) => ({ config, schema: { summary, params: HASH_PARAMS } });
    scope.get(
      `${RUNS}/:id/files/:sha256`,
      archive("For a step in a pod: what another one wrote (tar)"),
      async (request: Hashed, reply) => {
        const { id, sha256 } = request.params;
        return sendArchive(reply, await desk.files.archive(tenantOf(request, desk), id, sha256));
      },
    );
    scope.head(
      `${RUNS}/:id/files/:sha256`,
      archive("For a step in a pod: whether an archive is there"),
      async (request: Hashed, reply) => {
        const { id, sha256 } = request.params;
        const has = await desk.files.hasArchive(tenantOf(request, desk), id, sha256);
        return reply.status(has ? 200 : 404).send();
      },
    );
    scope.put(
      `${RUNS}/:id/files/:sha256`,
      archive("For a step in a pod: leave what it wrote (tar)"),
      async (request: Hashed, reply) => {
        const { id, sha256 } = request.params;
        await desk.files.saveArchive(tenantOf(request, desk), id, sha256, bodyOf(request));
        return reply.status(204).send();
      },
    );

    const environment = (summary: string) => ({ config, schema: { summary, params: HASH_PARAMS } });
    scope.get(
      `${RUNS}/:id/environments/:sha256`,
      environment("For a step in a pod: an environment that another one built (tar)"),
      async (request: Hashed, reply) => {
        const found = await desk.files.environment(tenantOf(request, desk), request.params.sha256);
        if (found === undefined) throw new SlipwayError("NOT_FOUND", "nobody has built that environment");
        return sendArchive(reply, found);
      },
    );
    scope.put(
      `${RUNS}/:id/environments/:sha256`,
      environment("For a step in a pod: leave the environment that it built (tar)"),
      async (request: Hashed, reply) => {
        await desk.files.saveEnvironment(tenantOf(request, desk), request.params.sha256, bodyOf(request));
        return reply.status(204).send();
      },
    );

    scope.get(
      `${RUNS}/:id/steps/:step/cache/:key/archive`,
      { config, schema: { summary: "For a step in a pod: a kept result's files (tar)", params: KEY_PARAMS } },
      async (request: FastifyRequest<{ Params: { id: string; key: string } }>, reply) => {
        const tenant = tenantOf(request, desk);
        const kept = (await desk.files.kept(tenant, request.params.key)) as
          | { run: string; archive: { sha256: string } }
          | undefined;
        if (kept === undefined) throw new SlipwayError("NOT_FOUND", "nothing is kept by that key");
        return sendArchive(reply, await desk.files.archive(tenant, kept.run, kept.archive.sha256));
      },
    );

    scope.put(
      `${RUNS}/:id/steps/:step/tries/:try/log`,
      { config, schema: { summary: "For a step in a pod: leave its log", params: TRY_PARAMS } },
      async (request: FastifyRequest<{ Params: { id: string; step: string; try: number } }>, reply) => {
        const { id, step, try: tryNumber } = request.params;
        await desk.files.saveLog(tenantOf(request, desk), id, step, tryNumber, bodyOf(request));
        return reply.status(204).send();
      },
    );
  });
}

function bodyOf(request: FastifyRequest): Readable {
  return (request.body as Readable | undefined) ?? request.raw;
}

function sendArchive(reply: FastifyReply, { body, size }: BlobContent): FastifyReply {
  return reply.type("application/x-tar").header("content-length", size).send(body);
}
