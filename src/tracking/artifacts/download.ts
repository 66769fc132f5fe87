import { basename } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobContent, BlobStore, ByteRange } from "../../store/blobs.ts";
import { contentTypeOf, dispositionOf } from "./content-type.ts";

/**
 * Sends a file, streamed, as one to keep and never as a page. Takes one range of bytes (206; 416 when the file has
 * none of them; several are answered with the whole) and conditions (304).
 */
export async function sendArtifact(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  path: string,
): Promise<FastifyReply> {
  const name = basename(path);
  const content = await open(request, reply, blobs, path);
  asFile(reply, name)
    .header("accept-ranges", "bytes")
    // A copy may be kept, but is asked about before it is used: a file may be replaced or taken away.
    .header("cache-control", "private, no-cache")
    .header("last-modified", new Date(content.modified).toUTCString());
  if (content.etag !== "") reply.header("etag", content.etag);
  if (isUnchanged(request, content)) {
    content.body.destroy();
    return reply.status(304).send();
  }
  const { size, range } = content;
  if (range !== undefined) {
    reply.status(206).header("content-range", `bytes ${range.start}-${range.end}/${size}`);
  }
  reply.header("content-length", range === undefined ? size : range.end - range.start + 1);
  if (request.method !== "HEAD") return reply.send(content.body);
  content.body.destroy();
  return reply.send();
}

/** Sends a text as a file to keep. */
export function sendText(reply: FastifyReply, name: string, text: string): FastifyReply {
  return asFile(reply, name).header("cache-control", "private, no-cache").send(Buffer.from(text));
}

/** As a file to keep and never as a page, whatever it holds. */
function asFile(reply: FastifyReply, name: string): FastifyReply {
  return reply
    .header("content-type", contentTypeOf(name))
    .header("x-content-type-options", "nosniff")
    .header("content-security-policy", "sandbox; default-src 'none'")
    .header("content-disposition", dispositionOf(name));
}

async function open(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  path: string,
): Promise<BlobContent> {
  const range = rangeOf(request.headers.range);
  if (range === undefined) return blobs.get(path);
  try {
    const content = await blobs.get(path, range);
    if (matchesIfRange(request.headers["if-range"], content)) return content;
    // The part would not fit to what the caller has of an older file.
    content.body.destroy();
    return await blobs.get(path);
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "RANGE_NOT_SATISFIABLE")
      reply.header("content-range", `bytes */${String(error.facts.details?.["size"] ?? "*")}`);
    throw error;
  }
}

/** One range in bytes; undefined for whatever else the header may say, which is answered with the whole. */
export function rangeOf(header: string | undefined): ByteRange | undefined {
  const [, from = "", to = ""] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? "") ?? [];
  if (from === "") return to === "" ? undefined : { last: Number(to) };
  if (to === "") return { start: Number(from) };
  return Number(from) <= Number(to) ? { start: Number(from), end: Number(to) } : undefined;
}

function matchesIfRange(header: string | string[] | undefined, content: BlobContent): boolean {
  if (typeof header !== "string") return true;
  return header === content.etag || header === new Date(content.modified).toUTCString();
}

function isUnchanged({ headers }: FastifyRequest, { etag, modified }: BlobContent): boolean {
  const tags = headers["if-none-match"];
  if (tags !== undefined)
    return tags.split(",").some((tag) => ["*", etag].includes(tag.trim().replace(/^W\//, "")));
  const since = Date.parse(headers["if-modified-since"] ?? "");
  return Math.floor(modified / 1000) * 1000 <= since;
}
