import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bytesOf, joinBuffers } from "../../../src/base/bytes.ts";
import { Refusal } from "./refusal.ts";

const MIN_PART_BYTES = 5 * 1024 * 1024;

export interface StoredObject {
  bytes: Uint8Array;
  etag: string;
  modified: Date;
  contentType: string;
}

export interface Upload {
  key: string;
  begun: Date;
  contentType: string;
  parts: Map<number, { bytes: Uint8Array; etag: string }>;
}

/** One bucket: every object a file, so that a test can look at them and add some; uploads in memory. */
export class Bucket {
  readonly uploads = new Map<string, Upload>();
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();
  readonly #about = new Map<string, { etag: string; contentType: string }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, bytes: Uint8Array, contentType: string, etag = `"${md5(bytes)}"`): Promise<string> {
    const file = this.#file(key);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes);
    } catch (error) {
      throw new Refusal(409, "ObjectParentIsFile", String(error));
    }
    this.#about.set(key, { etag, contentType });
    return etag;
  }

  /** One after the other: what is compared stays until it is written. */
  putIf(
    key: string,
    bytes: Uint8Array,
    contentType: string,
    condition: { match: string | undefined; noneMatch: string | undefined },
  ): Promise<string> {
    const turn = this.#last.then(async () => {
      const present = await this.get(key).catch(() => undefined);
      if (condition.match !== undefined && present === undefined)
        throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
      const isRefused =
        (condition.match !== undefined && condition.match !== present?.etag) ||
        (condition.noneMatch !== undefined && present !== undefined);
      if (isRefused)
        throw new Refusal(412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
      return this.put(key, bytes, contentType);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  async get(key: string): Promise<StoredObject> {
    const file = this.#file(key);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined || !found.isFile())
      throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
    const bytes = bytesOf(await readFile(file));
    const about = this.#about.get(key) ?? { etag: `"${md5(bytes)}"`, contentType: "binary/octet-stream" };
    return { bytes, modified: found.mtime, ...about };
  }

  /** Nothing happens when there is none; folders that become empty go with it. */
  async delete(key: string): Promise<void> {
    this.#about.delete(key);
    const file = this.#file(key);
    if ((await stat(file).catch(() => undefined))?.isFile() !== true) return;
    await rm(file);
    for (let folder = dirname(file); folder !== this.#folder; folder = dirname(folder)) {
      const isGone = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!isGone) return;
    }
  }

  /** In the order of their bytes. */
  async keys(prefix: string): Promise<{ key: string; size: number }[]> {
    const names = await readdir(this.#folder, { recursive: true });
    const keys = names
      .filter((key) => key.startsWith(prefix))
      .toSorted((a, b) => Buffer.compare(bytesOf(Buffer.from(a)), bytesOf(Buffer.from(b))));
    const found = await Promise.all(keys.map(async (key) => ({ key, about: await stat(this.#file(key)) })));
    return found.filter(({ about }) => about.isFile()).map(({ key, about }) => ({ key, size: about.size }));
  }

  begin(key: string, contentType: string): string {
    this.#file(key);
    const id = randomBytes(16).toString("hex");
    this.uploads.set(id, { key, contentType, begun: new Date(), parts: new Map() });
    return id;
  }

  /** An upload is known by its id and its key together. */
  upload(key: string, id: string): Upload {
    const upload = this.uploads.get(id);
    if (upload === undefined || upload.key !== key)
      throw new Refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.");
    return upload;
  }

  putPart(key: string, id: string, number: number, bytes: Uint8Array): string {
    if (!Number.isInteger(number) || number < 1 || number > 10_000)
      throw new Refusal(400, "InvalidArgument", "Part number must be an integer between 1 and 10000");
    const etag = `"${md5(bytes)}"`;
    this.upload(key, id).parts.set(number, { bytes, etag });
    return etag;
  }

  async complete(
    key: string,
    id: string,
    listed: readonly { number: number; etag: string }[],
  ): Promise<string> {
    const upload = this.upload(key, id);
    if (listed.length === 0) throw new Refusal(400, "MalformedXML", "there are no parts");
    const parts = listed.map(({ number, etag }, index) => {
      const part = upload.parts.get(number);
      if (part === undefined || unquoted(part.etag) !== unquoted(etag))
        throw new Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.");
      if (index > 0 && number <= (listed[index - 1]?.number ?? 0))
        throw new Refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
      if (index < listed.length - 1 && part.bytes.length < MIN_PART_BYTES)
        throw new Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum.");
      return part;
    });
    const hashes = parts.map(({ etag }) => Buffer.from(unquoted(etag), "hex"));
    const etag = `"${md5(bytesOf(joinBuffers(hashes)))}-${parts.length}"`;
    const whole = joinBuffers(parts.map(({ bytes }) => Buffer.from(bytes)));
    await this.put(key, bytesOf(whole), upload.contentType, etag);
    this.uploads.delete(id);
    return etag;
  }

  #file(key: string): string {
    if (key.split("/").some((part) => part === "" || part === "." || part === "..") || key.includes("\u0000"))
      throw new Refusal(400, "InvalidArgument", "a key that can't be a file here");
    return join(this.#folder, key);
  }
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', "");
}

export function md5(bytes: Uint8Array, encoding: "hex" | "base64" = "hex"): string {
  return createHash("md5").update(bytes).digest(encoding);
}
