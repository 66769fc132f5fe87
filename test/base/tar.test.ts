import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { headerOf, padding } from "../../src/base/tar/header.ts";
import { packTar } from "../../src/base/tar/pack.ts";
import { unpackTar } from "../../src/base/tar/unpack.ts";

const LIMITS = { bytes: 2 ** 20, entries: 100 };
const LONG = `${"d".repeat(90)}/${"ü".repeat(80)}.txt`;

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "slipway-tar-")));
  for (const name of ["from", "to"]) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const from = (path: string) => join(root, "from", path);
const to = (path: string) => join(root, "to", path);

async function bytesOf(archive: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes);

/** In pieces that end nowhere in particular. */
async function* pieces(all: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < all.length; at += 333) yield plain(all.subarray(at, at + 333));
}

describe("archives", () => {
  beforeEach(() => {
    mkdirSync(from("a/b"), { recursive: true });
    mkdirSync(from("empty"));
    mkdirSync(from("d".repeat(90)));
    writeFileSync(from("a/one.txt"), "one");
    writeFileSync(from("a/b/large"), plain(Buffer.alloc(70_000, 7)));
    writeFileSync(from("a/run.sh"), "#!/bin/sh\n");
    chmodSync(from("a/run.sh"), 0o755);
    writeFileSync(from(LONG), "long");
    symlinkSync("one.txt", from("a/link"));
    utimesSync(from("a/one.txt"), 1_700_000_000, 1_700_000_000);
  });

  it("come out as they went in, links, modes and times too", async () => {
    await unpackTar(pieces(await bytesOf(packTar(join(root, "from"), ["."]))), join(root, "to"), LIMITS);
    expect(readFileSync(to("a/one.txt"), "utf8")).toBe("one");
    expect(readFileSync(to("a/b/large"))).toHaveLength(70_000);
    expect(readFileSync(to(LONG), "utf8")).toBe("long");
    expect(readlinkSync(to("a/link"))).toBe("one.txt");
    expect(statSync(to("a/run.sh")).mode & 0o777).toBe(0o755);
    expect(statSync(to("a/one.txt")).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(to("empty")).isDirectory()).toBe(true);
  });

  it("are the same bytes for the same content, and other programs read and write them", async () => {
    const archive = await bytesOf(packTar(join(root, "from"), ["empty/", "./a"]));
    expect(await bytesOf(packTar(join(root, "from"), ["a", "empty", "none"]))).toEqual(archive);
    writeFileSync(join(root, "x.tar"), plain(await bytesOf(packTar(join(root, "from"), ["."]))));
    execFileSync("tar", ["-xf", join(root, "x.tar"), "-C", join(root, "to")]);
    expect(readFileSync(to(LONG), "utf8")).toBe("long");
    execFileSync("tar", [
      "--format=pax",
      "-cf",
      join(root, "y.tar"),
      "-C",
      join(root, "from"),
      "a",
      "d".repeat(90),
    ]);
    rmSync(join(root, "to"), { recursive: true });
    mkdirSync(join(root, "to"));
    await unpackTar(pieces(readFileSync(join(root, "y.tar"))), join(root, "to"), LIMITS);
    expect(readFileSync(to(LONG), "utf8")).toBe("long");
    expect(readFileSync(to("a/one.txt"), "utf8")).toBe("one");
  });

  it("never lead out of their folder", async () => {
    const entry = (path: string, target?: string) =>
      headerOf({
        path,
        type: target === undefined ? "file" : "link",
        mode: 0o644,
        size: target === undefined ? 3 : 0,
        modified: 0,
        ...(target === undefined ? {} : { target }),
      });
    const content = [plain(Buffer.from("bad")), padding(3)];
    const archive = (...blocks: Uint8Array[]) => pieces(Buffer.concat([...blocks, new Uint8Array(1024)]));
    for (const path of ["../out", "/out", "a/../../out", "a//b"])
      await expect(unpackTar(archive(...entry(path), ...content), join(root, "to"), LIMITS)).rejects.toThrow(
        "leads out",
      );
    mkdirSync(join(root, "outside"));
    await unpackTar(
      archive(...entry("way", join(root, "outside")), ...entry("way/in"), ...content),
      join(root, "to"),
      LIMITS,
    );
    expect(statSync(to("way")).isDirectory()).toBe(true);
    expect(() => statSync(join(root, "outside", "in"))).toThrow();
  });

  it("are refused when they are damaged, cut short or too large", async () => {
    const archive = await bytesOf(packTar(join(root, "from"), ["a"]));
    const unpack = (bytes: Buffer, limits = LIMITS) => unpackTar(pieces(bytes), join(root, "to"), limits);
    await expect(unpack(archive.subarray(0, 60_000))).rejects.toThrow("ends too soon");
    await expect(unpack(archive, { ...LIMITS, bytes: 100 })).rejects.toThrow("more than 100 bytes");
    await expect(unpack(archive, { ...LIMITS, entries: 2 })).rejects.toThrow("more than 2 entries");
    const bad = Buffer.concat([plain(archive)]);
    bad[3] = 65;
    await expect(unpack(bad)).rejects.toThrow("damaged");
  });
});
