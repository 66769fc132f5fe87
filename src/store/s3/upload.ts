import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { bytesOf } from "../../base/bytes.ts";
import type { UploadPart } from "../blobs.ts";
import type { PartBuffers } from "./buffers.ts";
import type { S3Client } from "./client.ts";
import { abortUpload, beginUpload, joinParts } from "./multipart.ts";
import { PartReader, type Part } from "./parts.ts";

/** Smallest part; S3 takes none below 5 MiB but the last. */
const PART_BYTES = 8 * 1024 * 1024;
/** What S3 takes in one upload. */
export const MAX_PARTS = 10_000;

export interface Upload {
  client: S3Client;
  buffers: PartBuffers;
  key: string;
  /** What an error is about. */
  path: string;
  /** Over this many bytes nothing is kept. */
  maxBytes?: number;
}

/**
 * Sends a stream of unknown length: in one request when it is small, else in parts of one size, of which one is
 * sent while the next is read. Nothing appears before the end, and nothing when it fails. Answers bytes and SHA-256 (hex).
 */
export async function sendStream(upload: Upload, body: Readable): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  const { maxBytes = PART_BYTES * MAX_PARTS, buffers } = upload;
  const reader = new PartReader(body, {
    buffers,
    partBytes: Math.max(PART_BYTES, Math.ceil(maxBytes / MAX_PARTS)),
    maxBytes,
    onChunk: (chunk) => hash.update(bytesOf(chunk)),
  });
  try {
    const first = await reader.next();
    if (reader.isEnd) await sendWhole(upload, first);
    else await sendInParts(upload, first, reader);
    return { size: reader.size, sha256: hash.digest("hex") };
  } finally {
    reader.close();
  }
}

async function sendWhole({ client, key, path }: Upload, { body }: Part): Promise<void> {
  const headers = { "content-type": "application/octet-stream" };
  (await client.send({ method: "PUT", key, headers, body, about: path })).resume();
}

async function sendInParts(upload: Upload, first: Part, reader: PartReader): Promise<void> {
  const { client, key, path } = upload;
  const uploadId = await beginUpload(client, key, path);
  const open = { key, uploadId, about: path };
  const sent: UploadPart[] = [];
  let sending: Promise<unknown> = Promise.resolve();
  try {
    for (let part = first, number = 1; part.body.length > 0; number++) {
      await sending;
      sending = sendPart(upload, uploadId, number, part).then((etag) => sent.push({ number, etag }));
      // It is awaited above and below; until then its failure must not count as nobody's.
      sending.catch(() => undefined);
      if (reader.isEnd) break;
      part = await reader.next();
    }
    await sending;
    await joinParts(client, open, sent);
  } catch (error) {
    await sending.catch(() => undefined);
    await abortUpload(client, open).catch(() => undefined);
    throw error;
  }
}

async function sendPart(upload: Upload, uploadId: string, number: number, part: Part): Promise<string> {
  const { client, key, path } = upload;
  try {
    const query = { partNumber: String(number), uploadId };
    const answer = await client.send({ method: "PUT", key, query, body: part.body, about: path });
    answer.resume();
    return answer.headers.etag ?? "";
  } finally {
    part.release();
  }
}
