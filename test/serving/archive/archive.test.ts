import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeFolder, packFolder } from "../../../src/serving/archive/archive.ts";
import { unpackArchive } from "../../../src/serving/archive/unpack.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-archive-"));
  model = join(root, "model");
  await mkdir(join(model, "data", "deep"), { recursive: true });
  await writeFile(join(model, "MLmodel"), "flavors: {}\n");
  await writeFile(join(model, "data", "deep", "ünïcode file"), "a".repeat(5_000));
  await writeFile(join(model, "empty"), "");
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield new Uint8Array(bytes.subarray(at, at + size));
}

async function packed(): Promise<{ digest: string; bytes: Buffer }> {
  const { digest, files } = await describeFolder(model);
  const chunks: Uint8Array[] = [];
  for await (const chunk of packFolder(model, files)) chunks.push(chunk);
  return { digest, bytes: Buffer.concat(chunks) };
}

const written = (head: object, rest = "") => Buffer.from(`${JSON.stringify(head)}\n${rest}`);
const unpack = (bytes: Buffer, digest: string, size = 1_000) =>
  unpackArchive(pieces(bytes, size), { root: join(root, "out"), digest });

test.each([1_000, 65_536, 7])("comes out as it went in, in pieces of %i bytes", async (size) => {
  const { digest, bytes } = await packed();
  const folder = await unpack(bytes, digest, size);
  expect(await describeFolder(folder)).toEqual(await describeFolder(model));
  expect(await readFile(join(folder, "MLmodel"), "utf8")).toBe("flavors: {}\n");
  expect(await readdir(join(root, "out"))).toEqual([digest]);
});

test("nothing is kept of one that is cut off, changed, longer or another one", async () => {
  const { digest, bytes } = await packed();
  const changed = Buffer.from(bytes.toString("latin1"), "latin1");
  changed.writeUInt8(98, changed.length - 5);
  const out = join(root, "refused");
  for (const [given, wanted] of [
    [bytes.subarray(0, bytes.length - 1), digest],
    [bytes.subarray(0, 20), digest],
    [changed, digest],
    [Buffer.concat([bytes, Buffer.from("x")] as unknown as Uint8Array[]), digest],
    [bytes, "0".repeat(64)],
  ] as const)
    await expect(unpackArchive(pieces(given, 999), { root: out, digest: wanted })).rejects.toMatchObject({
      code: "MODEL_REFUSED",
    });
  expect(await readdir(out)).toEqual([]);
});

test.each(["../evil", "/etc/passwd", "a/../../b", "a//b", "a\\..\\b", ".", "a\nb"])(
  "refuses to write %j",
  async (path) => {
    const head = { format: 1, files: [{ path, size: 1, sha256: "0".repeat(64) }] };
    await expect(unpack(written(head, "x"), "0".repeat(64))).rejects.toMatchObject({ code: "MODEL_REFUSED" });
  },
);

test("refuses sizes beyond what a model may have, before anything is written", async () => {
  const head = { format: 1, files: [{ path: "a", size: 30 * 2 ** 30, sha256: "0".repeat(64) }] };
  await expect(unpack(written(head), "0".repeat(64))).rejects.toMatchObject({ code: "MODEL_TOO_LARGE" });
});

test("packs no links", async () => {
  const folder = join(root, "linked");
  await mkdir(folder);
  await symlink("/etc/passwd", join(folder, "model.onnx"));
  await expect(describeFolder(folder)).rejects.toMatchObject({ code: "MODEL_REFUSED" });
});
