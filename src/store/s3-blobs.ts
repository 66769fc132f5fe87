import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { SlipwayError } from "../http/errors.ts";
import { checkBlobPath } from "./blob-path.ts";
import {
  MAX_CHILDREN,
  tooManyChildren,
  type BlobContent,
  type BlobInfo,
  type BlobStore,
  type ByteRange,
  type DirectAccess,
} from "./blobs.ts";
import type { ConditionalFiles } from "./conditional-files.ts";
import { PartBuffers } from "./s3/buffers.ts";
import { S3Client, type S3ClientDeps } from "./s3/client.ts";
import { S3ConditionalFiles } from "./s3/conditional-files.ts";
import { S3DirectAccess } from "./s3/direct.ts";
import { listPages, type ListedPage } from "./s3/listing.ts";
import { abortUpload, uploadsBefore } from "./s3/multipart.ts";
import { sendStream } from "./s3/upload.ts";
import { elements, escapeXml, textOf } from "./s3/xml.ts";

/** Parts of uploads that are held in memory at once, 8 MiB each. */
const PARTS_IN_MEMORY = 16;
const MAX_KEY_BYTES = 1024;
const MAX_PAGE_KEYS = 1000;

export interface S3BlobsDeps extends S3ClientDeps {
  /** Whether clients may be given addresses of the store itself; default true. */
  isDirect?: boolean;
  /** Keys in a page of a listing, and in one request of a deletion; default 1000, which is S3's limit. */
  pageKeys?: number;
}

export interface S3BlobStore extends BlobStore {
  /** Small files of the same store, below the same prefix. */
  readonly conditional: ConditionalFiles;
  /** Gives up the uploads in parts that were begun before that time (milliseconds since the epoch); how many there were. */
  abortUploadsBefore(time: number): Promise<number>;
  close(): void;
}

/** A BlobStore below a prefix of one bucket. Nothing is asked of the store before the first use. */
export function createS3Blobs(deps: S3BlobsDeps): S3BlobStore {
  return new S3Blobs(deps);
}

class S3Blobs implements S3BlobStore {
  readonly direct: DirectAccess | null;
  readonly conditional: ConditionalFiles;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #pageKeys: number;
  readonly #buffers = new PartBuffers(PARTS_IN_MEMORY);

  constructor(deps: S3BlobsDeps) {
    this.#client = new S3Client(deps);
    this.#bucket = deps.config.bucket;
    this.#pageKeys = deps.pageKeys ?? MAX_PAGE_KEYS;
    this.#prefix = deps.config.prefix === "" ? "" : `${deps.config.prefix}/`;
    this.direct =
      deps.isDirect === false ? null : new S3DirectAccess(this.#client, (path) => this.#fileKey(path));
    this.conditional = new S3ConditionalFiles(this.#client, (path) => this.#fileKey(path));
  }

  async put(
    path: string,
    body: Readable,
    options: { maxBytes?: number } = {},
  ): Promise<{ size: number; sha256: string }> {
    const key = this.#fileKey(path);
    return sendStream({ client: this.#client, buffers: this.#buffers, key, path, ...options }, body);
  }

  async get(path: string, range?: ByteRange): Promise<BlobContent> {
    const key = this.#fileKey(path);
    const headers = range === undefined ? {} : { range: headerOf(range) };
    let body: IncomingMessage;
    try {
      body = await this.#client.send({ method: "GET", key, headers, about: path });
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.code !== "RANGE_NOT_SATISFIABLE") throw error;
      const size = (await this.#head(path))?.size ?? 0;
      throw new SlipwayError("RANGE_NOT_SATISFIABLE", "no byte of the file is in that range", {
        where: path,
        details: { size },
      });
    }
    if (body.headers["content-length"] === undefined) {
      body.destroy();
      throw new SlipwayError("ARTIFACTS_FAILED", "the artifact store doesn't say how long a file is", {
        where: path,
      });
    }
    return { body, ...contentOf(body) };
  }

  async stat(path: string): Promise<BlobInfo | undefined> {
    checkBlobPath(path);
    const file = path === "" ? undefined : await this.#head(path);
    if (file !== undefined) return file;
    for await (const { objects, folders } of this.#pages(path, { maxKeys: 1 }))
      return objects.length + folders.length > 0 || path === "" ? { path, isDir: true, size: 0 } : undefined;
    return undefined;
  }

  async list(path: string): Promise<BlobInfo[]> {
    checkBlobPath(path);
    const found: BlobInfo[] = [];
    for await (const page of this.#pages(path, { delimiter: "/" })) {
      for (const { key, size } of page.objects) found.push({ path: this.#pathOf(key), isDir: false, size });
      for (const folder of page.folders)
        found.push({ path: this.#pathOf(folder.slice(0, -1)), isDir: true, size: 0 });
      if (found.length > MAX_CHILDREN) throw tooManyChildren(path);
    }
    return found.filter(isReachable).sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async *walk(path: string): AsyncGenerator<BlobInfo> {
    checkBlobPath(path);
    for await (const { objects } of this.#pages(path))
      for (const { key, size } of objects) {
        const info = { path: this.#pathOf(key), isDir: false, size };
        if (isReachable(info)) yield info;
      }
  }

  async delete(path: string): Promise<void> {
    checkBlobPath(path);
    if (path === "") throw new SlipwayError("BLOB_PATH_REFUSED", "the store's root can't be deleted");
    let keys = [this.#fileKey(path)];
    // Deleting what was listed doesn't disturb the listing: the next page begins behind the last key.
    for await (const { objects } of this.#pages(path)) {
      keys.push(...objects.map(({ key }) => key));
      while (keys.length >= this.#pageKeys) keys = await this.#deleteSome(keys, path);
    }
    while (keys.length > 0) keys = await this.#deleteSome(keys, path);
  }

  async abortUploadsBefore(time: number): Promise<number> {
    const uploads = await uploadsBefore(this.#client, this.#prefix, time);
    for (const upload of uploads) await abortUpload(this.#client, upload);
    return uploads.length;
  }

  close(): void {
    this.#client.close();
  }

  /** Deletes the first page; answers the rest. */
  async #deleteSome(keys: readonly string[], path: string): Promise<string[]> {
    const some = keys.slice(0, this.#pageKeys);
    const objects = some.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join("");
    const body = new TextEncoder().encode(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
    const headers = {
      "content-type": "application/xml",
      // Demanded by the protocol here, whatever the signature covers.
      "content-md5": createHash("md5").update(body).digest("base64"),
    };
    const xml = await this.#client.sendForText({
      method: "POST",
      query: { delete: "" },
      headers,
      body,
      about: path,
    });
    const failed = elements(xml, "Error").find((error) => textOf(error, "Code") !== "NoSuchKey");
    if (failed !== undefined)
      throw new SlipwayError("ARTIFACTS_FAILED", "not everything could be deleted", {
        where: path,
        given: `${textOf(failed, "Code")}: ${textOf(failed, "Message")}`,
      });
    return keys.slice(this.#pageKeys);
  }

  async #head(path: string): Promise<BlobInfo | undefined> {
    try {
      const answer = await this.#client.send({ method: "HEAD", key: this.#fileKey(path), about: path });
      answer.resume();
      return { path, isDir: false, size: Number(answer.headers["content-length"] ?? 0) };
    } catch (error) {
      // Without a body, a missing bucket and a missing key look alike; whoever reads on gets the difference.
      if (error instanceof SlipwayError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  #fileKey(path: string): string {
    checkBlobPath(path);
    if (path === "")
      throw new SlipwayError("NOT_FOUND", `the root of ${this.#bucket} is no file`, { where: path });
    const key = `${this.#prefix}${path}`;
    if (Buffer.byteLength(key) > MAX_KEY_BYTES)
      throw new SlipwayError("BLOB_PATH_REFUSED", `the path is longer than ${MAX_KEY_BYTES} bytes`, {
        given: path.slice(0, 80),
      });
    return key;
  }

  #pages(path: string, options: { delimiter?: "/"; maxKeys?: number } = {}): AsyncGenerator<ListedPage> {
    return listPages(this.#client, this.#folderKey(path), { maxKeys: this.#pageKeys, ...options });
  }

  /** What every key below a folder begins with. */
  #folderKey(path: string): string {
    return path === "" ? this.#prefix : `${this.#prefix}${path}/`;
  }

  #pathOf(key: string): string {
    return key.slice(this.#prefix.length);
  }
}

/** Other programs may have put keys into the bucket that are no paths here, such as the markers of empty folders. */
function isReachable({ path }: BlobInfo): boolean {
  try {
    return path !== "" && checkBlobPath(path) === path;
  } catch {
    return false;
  }
}

function headerOf(range: ByteRange): string {
  return "last" in range ? `bytes=-${range.last}` : `bytes=${range.start}-${range.end ?? ""}`;
}

function contentOf({ statusCode, headers }: IncomingMessage): Omit<BlobContent, "body"> {
  const [, start, end, whole] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers["content-range"] ?? "") ?? [];
  const isPart = statusCode === 206 && whole !== undefined;
  const etag = headers.etag ?? "";
  return {
    size: Number(isPart ? whole : (headers["content-length"] ?? 0)),
    ...(isPart ? { range: { start: Number(start), end: Number(end) } } : {}),
    etag: etag.startsWith('"') || etag === "" ? etag : `"${etag}"`,
    modified: Date.parse(headers["last-modified"] ?? "") || 0,
  };
}
