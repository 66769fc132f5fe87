import { setImmediate } from "node:timers/promises";
import { SlipwayError } from "../../http/errors.ts";
import type { DirectAccess, SignedRequest, UploadPart } from "../blobs.ts";
import type { S3Client } from "./client.ts";
import { abortUpload, beginUpload, bytesOfUpload, joinParts } from "./multipart.ts";
import { MAX_PARTS } from "./upload.ts";

/** A client gets the addresses of all parts at once, and the last part of a large file may go out hours later. */
const PART_SECONDS = 12 * 60 * 60;

/** Presigned requests. What was signed is all that they allow: one key, one method, until they expire. */
export class S3DirectAccess implements DirectAccess {
  readonly #client: S3Client;
  /** Key of a file; refuses what is no path of one. */
  readonly #keyOf: (path: string) => string;

  constructor(client: S3Client, keyOf: (path: string) => string) {
    this.#client = client;
    this.#keyOf = keyOf;
  }

  async download(
    path: string,
    options: { expiresInSeconds: number; contentType: string; disposition: string },
  ): Promise<SignedRequest & { size: number }> {
    const key = this.#keyOf(path);
    const answer = await this.#client.send({ method: "HEAD", key, about: path });
    answer.resume();
    const query = {
      "response-content-disposition": options.disposition,
      "response-content-type": options.contentType,
    };
    const url = await this.#client.presign({ method: "GET", key, query }, options.expiresInSeconds);
    return { url, headers: {}, size: Number(answer.headers["content-length"] ?? 0) };
  }

  async upload(
    path: string,
    options: { expiresInSeconds: number; contentType: string },
  ): Promise<SignedRequest> {
    const headers = { "Content-Type": options.contentType };
    const request = { method: "PUT", key: this.#keyOf(path), headers } as const;
    return { url: await this.#client.presign(request, options.expiresInSeconds), headers };
  }

  async createUpload(path: string, parts: number): Promise<{ uploadId: string; requests: SignedRequest[] }> {
    if (!Number.isSafeInteger(parts) || parts < 1 || parts > MAX_PARTS)
      throw new SlipwayError("INVALID_REQUEST", "that isn't a number of parts", {
        given: String(parts),
        allowed: `1 to ${MAX_PARTS}`,
      });
    const key = this.#keyOf(path);
    const uploadId = await beginUpload(this.#client, key, path);
    const requests: SignedRequest[] = [];
    for (let number = 1; number <= parts; number++) {
      // Thousands of signatures must not hold up everybody else.
      if (number % 500 === 0) await setImmediate();
      const query = { partNumber: String(number), uploadId };
      requests.push({
        url: await this.#client.presign({ method: "PUT", key, query }, PART_SECONDS),
        headers: {},
      });
    }
    return { uploadId, requests };
  }

  async completeUpload(
    path: string,
    uploadId: string,
    parts: readonly UploadPart[],
    { maxBytes }: { maxBytes: number },
  ): Promise<void> {
    const upload = { key: this.#keyOf(path), uploadId, about: path };
    if ((await bytesOfUpload(this.#client, upload)) > maxBytes) {
      await abortUpload(this.#client, upload);
      throw new SlipwayError("TOO_LARGE", "the file is too large", { allowed: `${maxBytes} bytes` });
    }
    await joinParts(this.#client, upload, parts);
  }

  async abortUpload(path: string, uploadId: string): Promise<void> {
    await abortUpload(this.#client, { key: this.#keyOf(path), uploadId, about: path });
  }
}
