import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { DirectAccess, SignedRequest, UploadPart } from "../blobs.ts";
import type { S3Client } from "./client.ts";
import { abortUpload, beginUpload, bytesOfUpload, joinParts, uploadsBefore } from "./multipart.ts";
import { MAX_PARTS } from "./upload.ts";

/** A client gets the addresses of all parts at once, and the last part of a large file may go out hours later. */
const PART_SECONDS = 12 * 60 * 60;

export interface S3DirectDeps {
  client: S3Client;
  /** Key of a file; refuses what is no path of one. */
  keyOf: (path: string) => string;
  /** Of every key, with its slash at the end, or "". */
  prefix: string;
  clock: Clock;
}

/** Presigned requests. What was signed is all that they allow: one key, one method, until they expire. */
export class S3DirectAccess implements DirectAccess {
  readonly #deps: S3DirectDeps;

  constructor(deps: S3DirectDeps) {
    this.#deps = deps;
  }

  async download(
    path: string,
    options: { expiresInSeconds: number; contentType: string; disposition: string },
  ): Promise<SignedRequest & { size: number }> {
    const { client, keyOf } = this.#deps;
    const key = keyOf(path);
    const answer = await client.send({ method: "HEAD", key, about: path });
    answer.resume();
    const query = {
      "response-content-disposition": options.disposition,
      "response-content-type": options.contentType,
    };
    const url = await client.presign({ method: "GET", key, query }, options.expiresInSeconds);
    return { url, headers: {}, size: Number(answer.headers["content-length"] ?? 0) };
  }

  async upload(
    path: string,
    options: { expiresInSeconds: number; contentType: string },
  ): Promise<SignedRequest> {
    const headers = { "Content-Type": options.contentType };
    const request = { method: "PUT", key: this.#deps.keyOf(path), headers } as const;
    return { url: await this.#deps.client.presign(request, options.expiresInSeconds), headers };
  }

  async createUpload(path: string, parts: number): Promise<{ uploadId: string; requests: SignedRequest[] }> {
    const { client, keyOf } = this.#deps;
    if (!Number.isSafeInteger(parts) || parts < 1 || parts > MAX_PARTS)
      throw new SlipwayError("INVALID_REQUEST", "that isn't a number of parts", {
        given: String(parts),
        allowed: `1 to ${MAX_PARTS}`,
      });
    const key = keyOf(path);
    const uploadId = await beginUpload(client, key, path);
    const requests: SignedRequest[] = [];
    for (let number = 1; number <= parts; number++) {
      const query = { partNumber: String(number), uploadId };
      requests.push({ url: await client.presign({ method: "PUT", key, query }, PART_SECONDS), headers: {} });
    }
    return { uploadId, requests };
  }

  async completeUpload(
    path: string,
    uploadId: string,
    parts: readonly UploadPart[],
    { maxBytes }: { maxBytes: number },
  ): Promise<void> {
    const { client, keyOf } = this.#deps;
    const upload = { key: keyOf(path), uploadId, about: path };
    if ((await bytesOfUpload(client, upload)) > maxBytes) {
      await abortUpload(client, upload);
      throw new SlipwayError("TOO_LARGE", "the file is too large", { allowed: `${maxBytes} bytes` });
    }
    await joinParts(client, upload, parts);
  }

  async abortUpload(path: string, uploadId: string): Promise<void> {
    const { client, keyOf } = this.#deps;
    await abortUpload(client, { key: keyOf(path), uploadId, about: path });
  }

  async abortUploadsBefore(time: number): Promise<number> {
    const { client, prefix } = this.#deps;
    const uploads = await uploadsBefore(client, prefix, time);
    for (const upload of uploads) await abortUpload(client, upload);
    return uploads.length;
  }
}
