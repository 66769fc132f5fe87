import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createFolderConditionalFiles } from "../../src/store/folder-conditional-files.ts";
import { conditionalFilesContract } from "../contract/conditional-files.ts";
import { startS3, type S3Server } from "../support/s3.ts";
import { temporaryFolder } from "./support.ts";

describe("conditional files in a folder", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => void (folder = await temporaryFolder()));
  afterAll(() => folder.dispose());
  conditionalFilesContract(async () => {
    const root = await mkdtemp(join(folder.path, "files-"));
    return { one: createFolderConditionalFiles(root), another: createFolderConditionalFiles(root) };
  });
});

describe("conditional files in an S3-compatible store", () => {
  let s3: S3Server;
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(() => s3?.close());
  let count = 0;
  conditionalFilesContract(async () => {
    const prefix = `files-${count++}`;
    return { one: s3.open(prefix).conditional, another: s3.open(prefix).conditional };
  });
});
