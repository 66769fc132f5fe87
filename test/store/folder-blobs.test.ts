import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../../src/store/blobs.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
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

describe("blobs in a folder", () => {
  it("gives back what was put, with its size and hash", async () => {
    const put = await blobs.put("1/a/model.onnx", body("hello"));
    expect(put).toEqual({ size: 5, sha256: createHash("sha256").update("hello").digest("hex") });
    const got = await blobs.get("1/a/model.onnx");
    expect(got.size).toBe(5);
    expect(await text(got.body)).toBe("hello");
    expect(await text((await blobs.get("1/a/model.onnx", { start: 1, end: 3 })).body)).toBe("ell");
  });

  it("replaces a file as a whole", async () => {
    await blobs.put("x", body("old"));
    await blobs.put("x", body("new"));
    expect(await text((await blobs.get("x")).body)).toBe("new");
  });

  it("lists direct children, sorted, without its own workings", async () => {
    await blobs.put("b/file", body("1"));
    await blobs.put("a", body("22"));
    expect(await blobs.list("")).toEqual([
      { path: "a", isDir: false, size: 2 },
      { path: "b", isDir: true, size: 0 },
    ]);
    expect(await blobs.list("b")).toEqual([{ path: "b/file", isDir: false, size: 1 }]);
    expect(await blobs.list("nothing")).toEqual([]);
    expect(await blobs.list("a")).toEqual([]);
  });

  it("keeps nothing of a body that is too large or breaks off", async () => {
    await expect(blobs.put("big", body("12345"), { maxBytes: 4 })).rejects.toMatchObject({
      code: "TOO_LARGE",
    });
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from("12");
        throw Object.assign(new Error("aborted"), { code: "ECONNRESET" });
      })(),
    );
    await expect(blobs.put("broken", broken)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(await blobs.list("")).toEqual([]);
    expect(await readdir(join(root, ".uploads"))).toEqual([]);
  });

  it("removes what a dead process left half written, and nothing of a living one", async () => {
    await mkdir(join(root, ".uploads"), { recursive: true });
    await writeFile(join(root, ".uploads", "999999999-x"), "dead");
    await writeFile(join(root, ".uploads", `${process.pid}-x`), "alive");
    await blobs.list("");
    expect(await readdir(join(root, ".uploads"))).toEqual([`${process.pid}-x`]);
  });

  it("deletes files and folders, and what isn't there", async () => {
    await blobs.put("d/e/f", body("1"));
    await blobs.delete("d");
    await blobs.delete("d");
    expect(await blobs.stat("d/e/f")).toBeUndefined();
    await expect(blobs.delete("")).rejects.toMatchObject({ code: "BLOB_PATH_REFUSED" });
  });

  it("answers NOT_FOUND for what is missing or of the other kind", async () => {
    await blobs.put("d/f", body("1"));
    await expect(blobs.get("d/g")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(blobs.get("d")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(blobs.get("d/f/g")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(blobs.localFolder("d/f")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await readFile(join(await blobs.localFolder("d"), "f"), "utf8")).toBe("1");
  });

  it("refuses a file where a folder is, and the other way round", async () => {
    await blobs.put("d/f", body("1"));
    await expect(blobs.put("d", body("1"))).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await expect(blobs.put("d/f/g", body("1"))).rejects.toMatchObject({ code: "INVALID_REQUEST" });
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

  it.each(["../x", "/etc/passwd", "%2e%2e/x", "a\\b", ".uploads/x"])("has no file at %j", async (path) => {
    await expect(blobs.get(path)).rejects.toThrow();
    await expect(blobs.put(path, body("1"))).rejects.toThrow();
  });
});
