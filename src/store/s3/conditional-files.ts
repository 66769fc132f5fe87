import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { SlipwayError } from "../../http/errors.ts";
import { MAX_CONDITIONAL_BYTES, type ConditionalFiles, type TaggedFile } from "../conditional-files.ts";
import type { S3Client } from "./client.ts";

/**
 * ConditionalFiles by `If-Match` and `If-None-Match` of PutObject
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
 */
export class S3ConditionalFiles implements ConditionalFiles {
  readonly #client: S3Client;
  readonly #keyOf: (path: string) => string;

  constructor(client: S3Client, keyOf: (path: string) => string) {
    this.#client = client;
    this.#keyOf = keyOf;
  }

  async read(path: string): Promise<TaggedFile | undefined> {
    let answer: IncomingMessage;
    try {
      answer = await this.#client.send({ method: "GET", key: this.#keyOf(path), about: path });
    } catch (error) {
      if (codeOf(error) === "NOT_FOUND") return undefined;
      throw error;
    }
    if (Number(answer.headers["content-length"] ?? 0) > MAX_CONDITIONAL_BYTES) {
      answer.destroy();
      throw new SlipwayError("TOO_LARGE", `${path} is too large`, { allowed: `${MAX_CONDITIONAL_BYTES}` });
    }
    try {
      return { tag: answer.headers.etag ?? "", text: await text(answer) };
    } catch (cause) {
      throw new SlipwayError("ARTIFACTS_UNREACHABLE", "the store stopped within its answer", { cause });
    }
  }

  async write(path: string, content: string, expected: string | null): Promise<string | undefined> {
    const condition = expected === null ? { "if-none-match": "*" } : { "if-match": expected };
    try {
      const answer = await this.#client.send({
        method: "PUT",
        key: this.#keyOf(path),
        headers: { "content-type": "application/json", ...condition },
        body: new TextEncoder().encode(content),
        about: path,
      });
      answer.resume();
      return answer.headers.etag ?? "";
    } catch (error) {
      const code = codeOf(error);
      // A file that is gone hasn't that tag either.
      if (code === "CONFLICT" || (code === "NOT_FOUND" && expected !== null)) return undefined;
      throw error;
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof SlipwayError ? error.code : undefined;
}
