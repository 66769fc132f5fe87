import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/http/errors.ts";
import { createModelStore } from "../../src/serving/folder-model-store.ts";
import type { FolderModelStoreDeps } from "../../src/serving/folder-model-store.ts";
import type { BlobStore } from "../../src/store/blobs.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";

const FOLDER = "1/abc/artifacts/model";

let root: string;
let modelsRoot: string;
let blobs: BlobStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-models-"));
  modelsRoot = join(root, "models");
  blobs = createFolderBlobs(join(root, "artifacts"));
});
afterEach(() => rm(root, { recursive: true }));

const open = (more: Partial<FolderModelStoreDeps> = {}) => createModelStore({ blobs, modelsRoot, ...more });

async function log(files: Record<string, string>, folder = FOLDER): Promise<void> {
  for (const [path, content] of Object.entries(files))
    await blobs.put(`${folder}/${path}`, Readable.from([Buffer.from(content)]));
}

/** Every file below a folder with its content. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of await readdir(folder, { recursive: true }))
    if ((await stat(join(folder, path))).isFile()) found[path] = await readFile(join(folder, path), "utf8");
  return found;
}

async function failure(promise: Promise<unknown>): Promise<SlipwayError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SlipwayError);
  return error as SlipwayError;
}

describe("a model store", () => {
  it("copies every file into a folder named by the content", async () => {
    await log({ "model.onnx": "M", "contract.json": "{}", "data/weights.bin": "W" });
    const { modelDir, sha256, format } = await (await open()).materialise(FOLDER);
    expect(format).toBe("onnx");
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(modelDir).toBe(join(modelsRoot, sha256));
    expect(await (await open()).find(sha256)).toEqual({ modelDir, format: "onnx" });
    for (const other of ["", "..", sha256.replaceAll(/./g, "0")])
      expect(await (await open()).find(other)).toBeUndefined();
    expect(await contents(modelDir)).toEqual({
      "model.onnx": "M",
      "contract.json": "{}",
      "data/weights.bin": "W",
    });
    expect((await stat(join(modelDir, "model.onnx"))).mode & 0o222).toBe(0);
    expect(await readdir(modelsRoot)).toEqual([sha256]);
  });

  it("gives the same copy for the same content, and another for any other", async () => {
    const store = await open();
    await log({ "model.onnx": "M", a: "1", b: "2" });
    const first = await store.materialise(FOLDER);
    await log({ "model.onnx": "M", b: "2", a: "1" }, "elsewhere/model");
    expect(await store.materialise("elsewhere/model")).toEqual(first);
    expect(await store.materialise(FOLDER)).toEqual(first);
    await log({ "model.onnx": "M", a: "2", b: "1" }, "swapped");
    expect(await store.materialise("swapped")).not.toEqual(first);
    expect(await readdir(modelsRoot)).toHaveLength(2);
  });

  it("can be asked many times at once", async () => {
    await log({ "model.onnx": "M" });
    await log({ "model.onnx": "M" }, "other");
    const store = await open();
    const asked = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.materialise(i % 2 === 0 ? FOLDER : "other")),
    );
    expect(new Set(asked.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await readdir(modelsRoot)).toHaveLength(1);
  });

  it("isn't touched by what happens to the logged files later", async () => {
    await log({ "model.onnx": "M" });
    const { modelDir } = await (await open()).materialise(FOLDER);
    await blobs.delete(FOLDER);
    expect(await contents(modelDir)).toEqual({ "model.onnx": "M" });
  });

  it("finds the model that MLflow's MLmodel names", async () => {
    await log({
      MLmodel:
        "artifact_path: model\nflavors:\n  onnx:\n    data: net/graph.onnx\n    onnx_version: 1.17.0\n",
      "net/graph.onnx": "M",
      "net/graph.onnx.data": "W",
      "other.onnx": "O",
      "contract.json": "{}",
    });
    const { modelDir } = await (await open()).materialise(FOLDER);
    expect(await contents(modelDir)).toMatchObject({
      "model.onnx": "M",
      // External data is named relative to the model.
      "graph.onnx.data": "W",
      "contract.json": "{}",
      "other.onnx": "O",
    });
  });

  it("takes the only ONNX file for the model, whatever its name", async () => {
    await log({ "digits.onnx": "M", "contract.json": "{}", MLmodel: "}{" });
    const { modelDir } = await (await open()).materialise(FOLDER);
    expect(Object.keys(await contents(modelDir)).sort()).toEqual(["MLmodel", "contract.json", "model.onnx"]);
  });

  it("says what a folder without a model holds", async () => {
    const store = await open();
    expect(await failure(store.materialise("nowhere"))).toMatchObject({
      code: "MODEL_MISSING",
      message:
        "nowhere has neither a model.onnx nor an MLmodel with the python_function flavour: nothing is there",
    });
    await log({ "model.pkl": "P", "conda.yaml": "C" });
    expect((await failure(store.materialise(FOLDER))).message).toBe(
      `${FOLDER} has neither a model.onnx nor an MLmodel with the python_function flavour: it holds conda.yaml, model.pkl`,
    );
    await log({ "a.onnx": "A", "b.onnx": "B" }, "two");
    expect((await failure(store.materialise("two"))).message).toBe(
      "two has several *.onnx files and none is called model.onnx: it holds a.onnx, b.onnx",
    );
    expect(await readdir(modelsRoot)).toEqual([]);
  });

  it("copies so many files and bytes, and no more", async () => {
    await log({ "model.onnx": "12345678", a: "", "b/c": "" });
    const store = await open({ maxFiles: 4, maxBytes: 8 });
    await store.materialise(FOLDER);
    expect(await failure((await open({ maxFiles: 3 })).materialise(FOLDER))).toMatchObject({
      code: "MODEL_TOO_LARGE",
      facts: { allowed: "3 files and folders" },
    });
    expect(await failure((await open({ maxBytes: 7 })).materialise(FOLDER))).toMatchObject({
      code: "MODEL_TOO_LARGE",
      facts: { allowed: "7 bytes" },
    });
  });

  it("counts what a file has become, not what was listed", async () => {
    await log({ "model.onnx": "M" });
    const growing: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
      get: () => Promise.resolve({ body: Readable.from([Buffer.alloc(100)]), size: 100 }),
      list: (path: string) => blobs.list(path),
    });
    const store = await open({ blobs: growing, maxBytes: 50 });
    expect(await failure(store.materialise(FOLDER))).toMatchObject({ code: "MODEL_TOO_LARGE" });
    expect(await readdir(modelsRoot)).toEqual([]);
  });

  it("leaves nothing behind when the artifact store fails", async () => {
    await log({ "model.onnx": "M", "z.bin": "Z" });
    const failing: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
      list: (path: string) => blobs.list(path),
      get: (path: string) =>
        path.endsWith("z.bin")
          ? Promise.reject(new SlipwayError("STORE_FAILED", "the store is gone"))
          : blobs.get(path),
    });
    const store = await open({ blobs: failing });
    expect(await failure(store.materialise(FOLDER))).toMatchObject({ code: "STORE_FAILED" });
    expect(await readdir(modelsRoot)).toEqual([]);
  });

  it("removes copies that a killed process left unfinished", async () => {
    const left = join(modelsRoot, ".tmp-123-abc", "sub", "model.onnx");
    await mkdir(dirname(left), { recursive: true });
    await writeFile(left, "half", { mode: 0o444 });
    await open();
    expect(await readdir(modelsRoot)).toEqual([]);
  });
});
