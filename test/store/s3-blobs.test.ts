import { afterAll, beforeAll, describe } from "vitest";
import { blobStoreContract } from "../contract/blobs.ts";
import { startS3, type S3Server } from "../support/s3.ts";

describe("blobs in an S3-compatible store", () => {
  let s3: S3Server;
  let current: ReturnType<S3Server["open"]>;
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(() => s3?.close());

  blobStoreContract("S3", {
    open: async () => (current = s3.open()),
    leftBehind: async () =>
      (await current.abortUploadsBefore(Number.POSITIVE_INFINITY)) === 0 ? [] : ["an upload"],
    hasFolders: false,
  });
});
