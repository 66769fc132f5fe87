import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { checkedPath } from "../tracking/artifacts/uri.ts";
import type { ImportDeps } from "./deps.ts";
import { knownFiles, noteFile } from "./items.ts";
import { ownerFolder } from "./owner-folder.ts";
import { BASE, described, importOf, read } from "./route-parts.ts";
import { FILE_KINDS } from "./kinds.ts";

const MAX_BYTES = 10 * 1024 ** 3;

const ofOwner = z.object({
  importId: z.string(),
  kind: z.enum(FILE_KINDS),
  ownerId: z.string().min(1).max(256).describe("Of the run, the logged model or the trace."),
});
const ofFile = ofOwner.extend({ "*": z.string().min(1).max(4000).describe("The file's path below it.") });

/** Files of what was brought: which are here, and bringing one. */
export function fileRoutes(app: FastifyInstance, deps: ImportDeps): void {
  const { db, blobs, clock, maxArtifactBytes: maxBytes = MAX_BYTES } = deps;
  app.get(
    `${BASE}/:importId/files/:kind/:ownerId`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: {
        tags: ["imports"],
        summary: "Files of a run, a logged model or a trace that were brought and are here",
        params: described(ofOwner),
      },
    },
    async (request) => {
      const id = await importOf(request, db);
      const { kind, ownerId } = read(ofOwner, request.params);
      const noted = await db.read((tx) => knownFiles(tx, id, kind, ownerId));
      if (noted.length === 0) return { files: [] };
      const folder = await db.read((tx) => ownerFolder(tx, request.identity.tenant, kind, ownerId));
      const sizes = new Map<string, number>();
      for await (const { path, size } of blobs.walk(folder)) sizes.set(path, size);
      return { files: noted.filter(({ path, size }) => sizes.get(`${folder}/${path}`) === size) };
    },
  );
  void app.register(async (scope) => {
    // A file may be JSON or a form: no body is ever read, all are passed on as they come.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_: FastifyRequest, body: Readable, done) => done(null, body));
    scope.put(
      `${BASE}/:importId/files/:kind/:ownerId/*`,
      {
        config: { access: "admin", tenantFrom: "request" },
        schema: {
          tags: ["imports"],
          summary: "Bring a file",
          description:
            "The body is the file. The answer has its size and SHA-256. With `x-slipway-size` another size is refused.",
          params: described(ofFile),
        },
      },
      async (request) => {
        const id = await importOf(request, db);
        const { kind, ownerId, "*": given } = read(ofFile, request.params);
        const path = checkedPath(given, given);
        const folder = await db.read((tx) => ownerFolder(tx, request.identity.tenant, kind, ownerId));
        const body = (request.body as Readable | undefined) ?? request.raw;
        const { size, sha256 } = await blobs.put(`${folder}/${path}`, body, { maxBytes });
        const expected = request.headers["x-slipway-size"];
        if (expected !== undefined && String(size) !== expected) {
          await blobs.delete(`${folder}/${path}`);
          throw new SlipwayError("IMPORT_MISMATCH", "the file isn't as long as it was said to be", {
            where: path,
            given: `${size} bytes`,
            allowed: `${String(expected)} bytes`,
          });
        }
        await db.write(noteFile, { importId: id, kind, ownerId, path, size, sha256, now: clock.now() });
        return { size, sha256 };
      },
    );
  });
}
