import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../../src/store/blobs.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import { blobStoreContract } from "../contract/blobs.ts";
import { temporaryFolder } from "./support.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
let blobs: BlobStore;

beforeEach(async () => {
  folder = await temporaryFolder();
  root = join(folder.path, "artifacts");
  blobs = createFolderBlobs(root);
});
afterEach(() => folder.dispose());

const body = (content: string) => Readable.from([Buffer.from(content)]);

blobStoreContract("folder", {
  open: async () => blobs,
  leftBehind: () => readdir(join(root, ".uploads")),
  hasFolders: true,
});

describe("blobs in a folder", () => {
  it("keep their own workings to themselves", async () => {
    await blobs.put("a", body("22"));
    expect(await blobs.list("")).toEqual([{ path: "a", isDir: false, size: 2 }]);
    for await (const { path } of blobs.walk("")) expect(path).toBe("a");
  });

  it("removes what a dead process left half written, and nothing of a living one", async () => {
    await mkdir(join(root, ".uploads"), { recursive: true });
    await writeFile(join(root, ".uploads", "999999999-x"), "dead");
    await writeFile(join(root, ".uploads", `${process.pid}-x`), "alive");
    await blobs.list("");
    expect(await readdir(join(root, ".uploads"))).toEqual([`${process.pid}-x`]);
  });

  it("follows no symbolic link out of its root", async () => {
    const outside = join(folder.path, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "secret");
    await mkdir(root, { recursive: true });
    await symlink(outside, join(root, "way"));
    await symlink(join(outside, "secret"), join(root, "file"));
    const refused = { code: "BLOB_PATH_REFUSED" };
    await expect(blobs.get("way/secret")).rejects.toMatchObject(refused);
    await expect(blobs.put("way/new", body("1"))).rejects.toMatchObject(refused);
    await expect(blobs.put("way/deep/new", body("1"))).rejects.toMatchObject(refused);
    await expect(blobs.delete("way/secret")).rejects.toMatchObject(refused);
    await expect(blobs.get("file")).rejects.toMatchObject(refused);
    expect(await blobs.list("")).toEqual([]);
    await blobs.put("file", body("mine"));
    await blobs.delete("way");
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
    expect(await readdir(outside)).toEqual(["secret"]);
  });

  it.each([".uploads", ".uploads/x"])("has no file at %j", async (path) => {
    await expect(blobs.get(path)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(blobs.put(path, body("1"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
