import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { bytesOf } from "../../src/base/bytes.ts";
import type { BlobStore } from "../../src/store/blobs.ts";

export interface BlobStoreUnderTest {
  /** A new, empty store. */
  open(): Promise<BlobStore>;
  /** Nothing but what was put is left behind, such as parts of uploads. */
  leftBehind(): Promise<string[]>;
  /** A file can't be put where a folder is. A store of keys knows no folders, so that both can be. */
  hasFolders: boolean;
}

const body = (content: string | Buffer): Readable =>
  Readable.from([typeof content === "string" ? Buffer.from(content) : content]);
/** In pieces, as a connection brings them. */
const inPieces = (content: Buffer, size = 64 * 1024): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
    })(),
  );
const sha256 = (content: string | Buffer): string =>
  createHash("sha256")
    .update(content as string)
    .digest("hex");

/** What every BlobStore promises. */
export function blobStoreContract(name: string, subject: BlobStoreUnderTest): void {
  let blobs: BlobStore;
  beforeEach(async () => void (blobs = await subject.open()));

  describe(`${name}: files`, () => {
    it("come back as they were put, with size and hash", async () => {
      const put = await blobs.put("1/a/model.onnx", body("hello"));
      expect(put).toEqual({ size: 5, sha256: sha256("hello") });
      const got = await blobs.get("1/a/model.onnx");
      expect(got).toMatchObject({ size: 5, etag: expect.stringMatching(/^"[^"]+"$/) });
      expect(Math.abs(got.modified - Date.now())).toBeLessThan(60_000);
      expect(await text(got.body)).toBe("hello");
      expect(await blobs.stat("1/a/model.onnx")).toEqual({ path: "1/a/model.onnx", isDir: false, size: 5 });
      expect(await blobs.stat("1/a")).toEqual({ path: "1/a", isDir: true, size: 0 });
      expect(await blobs.stat("1/b")).toBeUndefined();
    });

    it("may be empty", async () => {
      expect(await blobs.put("empty", Readable.from([]))).toEqual({ size: 0, sha256: sha256("") });
      const got = await blobs.get("empty");
      expect([got.size, await text(got.body)]).toEqual([0, ""]);
    });

    it("keep every name that a path may have", async () => {
      const names = [
        "ümlaut & space.bin",
        "a+b=c;d,e'(1)!.txt",
        "100% done",
        "emoji-🚢",
        "<x>&amp;",
        "~$*",
        "日本",
      ];
      for (const file of names) await blobs.put(`names/${file}`, body(file));
      expect((await blobs.list("names")).map(({ path }) => path)).toEqual(
        names.map((file) => `names/${file}`).sort(),
      );
      for (const file of names) expect(await text((await blobs.get(`names/${file}`)).body)).toBe(file);
      await blobs.delete("names");
      expect(await blobs.list("names")).toEqual([]);
    });

    it("are replaced as a whole, with another entity tag", async () => {
      await blobs.put("x", body("old"));
      const { etag, body: old } = await blobs.get("x");
      old.destroy();
      await blobs.put("x", body("new"));
      const got = await blobs.get("x");
      expect(got.etag).not.toBe(etag);
      expect(await text(got.body)).toBe("new");
    });

    it("of several parts come back whole, and in part", async () => {
      const content = Buffer.alloc(16 * 1024 * 1024, "0123456789abcdef-");
      const put = await blobs.put("large", inPieces(content));
      expect(put).toEqual({ size: content.length, sha256: sha256(content) });
      const whole = await blobs.get("large");
      expect(whole.size).toBe(content.length);
      expect((await buffer(whole.body)).equals(bytesOf(content))).toBe(true);
      const start = 8 * 1024 * 1024 - 5;
      const part = await blobs.get("large", { start, end: start + 9 });
      expect(part).toMatchObject({ size: content.length, range: { start, end: start + 9 } });
      expect((await buffer(part.body)).equals(bytesOf(content).subarray(start, start + 10))).toBe(true);
      expect(await subject.leftBehind()).toEqual([]);
    });

    it("of exactly one part are whole", async () => {
      const size = 8 * 1024 * 1024;
      expect((await blobs.put("exact", inPieces(Buffer.alloc(size, "x")))).size).toBe(size);
      expect(await blobs.stat("exact")).toMatchObject({ size });
    });

    it.each([
      [{ start: 1, end: 3 }, "ell", { start: 1, end: 3 }],
      [{ start: 3 }, "lo", { start: 3, end: 4 }],
      [{ start: 3, end: 99 }, "lo", { start: 3, end: 4 }],
      [{ last: 2 }, "lo", { start: 3, end: 4 }],
      [{ last: 99 }, "hello", { start: 0, end: 4 }],
    ])("are read in part: %j", async (range, expected, part) => {
      await blobs.put("x", body("hello"));
      const got = await blobs.get("x", range);
      expect(got).toMatchObject({ size: 5, range: part });
      expect(await text(got.body)).toBe(expected);
    });

    it.each([{ start: 5 }, { start: 7, end: 9 }, { last: 0 }])("have no bytes in %j", async (range) => {
      await blobs.put("x", body("hello"));
      await expect(blobs.get("x", range)).rejects.toMatchObject({
        code: "RANGE_NOT_SATISFIABLE",
        facts: { details: { size: 5 } },
      });
    });

    it("are NOT_FOUND where there are none, also at folders", async () => {
      await blobs.put("d/f", body("1"));
      for (const path of ["d/g", "d", "", "none/f"])
        await expect(blobs.get(path)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    it("leave nothing when they are too large or break off", async () => {
      const large = inPieces(Buffer.alloc(9 * 1024 * 1024));
      for (const content of [body("12345"), large])
        await expect(blobs.put("big", content, { maxBytes: 4 })).rejects.toMatchObject({ code: "TOO_LARGE" });
      for (const bytes of [2, 9 * 1024 * 1024]) {
        const broken = Readable.from(
          (async function* () {
            yield Buffer.alloc(bytes);
            throw Object.assign(new Error("aborted"), { code: "ECONNRESET" });
          })(),
        );
        await expect(blobs.put("broken", broken)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
      }
      expect(await blobs.list("")).toEqual([]);
      expect(await subject.leftBehind()).toEqual([]);
    });
  });

  describe(`${name}: folders`, () => {
    it("list their direct children, sorted", async () => {
      for (const path of ["b/file", "b/deep/er", "a", "b-c/x"]) await blobs.put(path, body(path));
      expect(await blobs.list("")).toEqual([
        { path: "a", isDir: false, size: 1 },
        { path: "b", isDir: true, size: 0 },
        { path: "b-c", isDir: true, size: 0 },
      ]);
      expect(await blobs.list("b")).toEqual([
        { path: "b/deep", isDir: true, size: 0 },
        { path: "b/file", isDir: false, size: 6 },
      ]);
      expect(await blobs.list("nothing")).toEqual([]);
      expect(await blobs.list("a")).toEqual([]);
    });

    it("are walked to every file below", async () => {
      for (const path of ["w/1", "w/2/3", "w/2/4/5", "wx"]) await blobs.put(path, body(path));
      const found: string[] = [];
      for await (const { path, size, isDir } of blobs.walk("w")) {
        expect([isDir, size]).toEqual([false, path.length]);
        found.push(path);
      }
      expect(found.sort()).toEqual(["w/1", "w/2/3", "w/2/4/5"]);
      for await (const { path } of blobs.walk("none")) expect.unreachable(path);
    });

    it("are deleted with all below, and nothing beside", async () => {
      for (const path of ["d/e/f", "d/g", "de", "d-e/f"]) await blobs.put(path, body("1"));
      await blobs.delete("d");
      await blobs.delete("d");
      expect((await blobs.list("")).map(({ path }) => path)).toEqual(["d-e", "de"]);
      await expect(blobs.delete("")).rejects.toMatchObject({ code: "BLOB_PATH_REFUSED" });
    });

    if (!subject.hasFolders) return;
    it("are not replaced by files, nor files by folders", async () => {
      await blobs.put("d/f", body("1"));
      await expect(blobs.put("d", body("1"))).rejects.toMatchObject({ code: "INVALID_REQUEST" });
      await expect(blobs.put("d/f/g", body("1"))).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    });
  });

  describe(`${name}: paths`, () => {
    it.each(["../x", "/etc/passwd", "%2e%2e/x", "%252e%252e/x", "a\\b", "a//b", "C:/x", "a/\u0000", "./x"])(
      "never lead out: %j",
      async (path) => {
        const refused = { code: "BLOB_PATH_REFUSED" };
        await expect(blobs.get(path)).rejects.toMatchObject(refused);
        await expect(blobs.put(path, body("1"))).rejects.toMatchObject(refused);
        await expect(blobs.stat(path)).rejects.toMatchObject(refused);
        await expect(blobs.list(path)).rejects.toMatchObject(refused);
        await expect(blobs.delete(path)).rejects.toMatchObject(refused);
      },
    );
  });
}
