import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { type ConsoleFiles, encodedFor, readConsole } from "./assets.ts";

export interface ConsoleRoutesDeps {
  /** Absolute: the built console, with `index.html` and `assets/`. */
  assetsDir: string;
}

/**
 * Nothing but the console's own files may run, be shown or be called; nobody may frame it. That is what keeps a
 * token in the page's session storage out of other scripts' reach.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const A_YEAR = "public, max-age=31536000, immutable";

/**
 * The web console: the same page for every address below /services, which looks at the address itself, and its files.
 * They hold no data and need no token; what the page then asks for does.
 */
export function consoleRoutes(app: FastifyInstance, { assetsDir }: ConsoleRoutesDeps): void {
  let reading: Promise<ConsoleFiles> | undefined;
  // Read when first asked for, so that it costs a start nothing; a build's folder never changes.
  const files = (): Promise<ConsoleFiles> => {
    reading ??= readConsole(assetsDir).catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
  const open = { schema: { hide: true }, config: { access: "open" as const } };
  for (const path of ["/services", "/services/*"]) {
    app.get(path, open, async (request, reply) =>
      sendPage(reply, await files(), request.headers["if-none-match"]?.toString()),
    );
  }
  const params = z.object({ name: z.string() });
  app.get("/console/assets/:name", open, async (request, reply) => {
    const { name } = params.parse(request.params);
    return sendAsset(reply, await files(), name, request.headers["accept-encoding"]?.toString());
  });
}

function sendPage(reply: FastifyReply, { page }: ConsoleFiles, known: string | undefined): FastifyReply {
  secure(reply).header("cache-control", "no-cache").header("etag", page.etag);
  if (known?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === page.etag) === true)
    return reply.status(304).send();
  reply.header("content-security-policy", CONTENT_SECURITY_POLICY);
  return reply.type("text/html; charset=utf-8").send(page.body);
}

function sendAsset(
  reply: FastifyReply,
  { assets }: ConsoleFiles,
  name: string,
  acceptEncoding: string | undefined,
): FastifyReply {
  const asset = assets.get(name);
  if (asset === undefined) {
    throw new SlipwayError("NOT_FOUND", `there is no file ${name.slice(0, 100)} of the console`, {
      hint: "Load the page again: the platform may have been replaced by a newer one.",
    });
  }
  const { body, encoding } = encodedFor(asset, acceptEncoding);
  if (encoding !== null) reply.header("content-encoding", encoding);
  // Names carry a hash of the content, so a name never changes what it stands for.
  secure(reply).header("cache-control", A_YEAR).header("vary", "accept-encoding");
  return reply.type(asset.type).send(body);
}

function secure(reply: FastifyReply): FastifyReply {
  return reply.header("x-content-type-options", "nosniff").header("referrer-policy", "no-referrer");
}
