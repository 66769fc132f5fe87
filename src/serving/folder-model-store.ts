import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { SlipwayError } from "../http/errors.ts";
import type { BlobStore } from "../store/blobs.ts";
import { MLFLOW_FILE, MODEL_FILE, layOut } from "./model-files.ts";
import type { ModelSource } from "./model-files.ts";
import type { ModelEnvironments } from "./model-environments.ts";
import { compiledDir, readVerdict } from "./compile/compilation.ts";
import type { ModelCompiler } from "./compile/compiler.ts";
import type { Compile, ModelCopy, ModelStore } from "./model-store.ts";
import { checkOnnx } from "./onnx/check-onnx.ts";
import { ensurePythonContract } from "./python-contract.ts";

/** Begins the names of copies and jobs that aren't finished. */
export const TEMPORARY = ".tmp-";
const MAX_FILES = 2_000;
const MAX_BYTES = 20 * 2 ** 30;

export interface FolderModelStoreDeps {
  blobs: BlobStore;
  /** Absolute; holds one folder per content, named by its SHA-256. Made when missing; used by one process. */
  modelsRoot: string;
  /** For models in Python; without it they are refused. */
  environments?: ModelEnvironments;
  /** Without it no model in Python is compiled. */
  compiler?: ModelCompiler;
  /** Of one model's folder; defaults 2000 and 20 GiB. */
  maxFiles?: number;
  maxBytes?: number;
}

/** A ModelStore in a folder of this machine. Copies that a dead process left unfinished are removed first. */
export async function createModelStore(deps: FolderModelStoreDeps): Promise<ModelStore> {
  await mkdir(deps.modelsRoot, { recursive: true });
  await removeUnfinishedCopies(deps.modelsRoot);
  return new FolderModelStore(deps);
}

/** Removes what copies that never ended have left. Only before the store is used. */
export async function removeUnfinishedCopies(modelsRoot: string): Promise<void> {
  for (const name of await readdir(modelsRoot)) {
    if (name.startsWith(TEMPORARY)) await rm(join(modelsRoot, name), { recursive: true, force: true });
  }
}

type Materialised = Awaited<ReturnType<ModelStore["materialise"]>>;

class FolderModelStore implements ModelStore {
  readonly #deps: FolderModelStoreDeps;
  /** By what is asked for and the artifact path: whoever asks while a copy is made gets that one. */
  readonly #underWay = new Map<string, Promise<Materialised>>();

  constructor(deps: FolderModelStoreDeps) {
    this.#deps = deps;
  }

  async find(sha256: string, compile: Compile = "auto"): Promise<ModelCopy | undefined> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    const modelDir = join(this.#deps.modelsRoot, sha256);
    if (!(await isWhole(modelDir))) return undefined;
    const verdict = compile === "auto" ? await readVerdict(modelDir) : undefined;
    if (verdict?.isProven === true)
      return { modelDir: compiledDir(modelDir), format: "onnx", compiled: verdict };
    const copy = await this.#prepared(modelDir);
    return copy.format === "python" && verdict !== undefined ? { ...copy, compiled: verdict } : copy;
  }

  materialise(artifactPath: string, compile: Compile = "auto"): Promise<Materialised> {
    const key = `${compile} ${artifactPath}`;
    let copying = this.#underWay.get(key);
    if (copying === undefined) {
      copying = this.#copy(artifactPath, compile).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, copying);
    }
    return copying;
  }

  async #copy(artifactPath: string, compile: Compile): Promise<Materialised> {
    const { blobs, modelsRoot, maxFiles = MAX_FILES, maxBytes = MAX_BYTES } = this.#deps;
    const listed = await listFiles(blobs, artifactPath, { maxFiles, maxBytes });
    const sources = await layOut(blobs, artifactPath, listed);
    const temporary = join(modelsRoot, `${TEMPORARY}${process.pid}-${randomUUID()}`);
    try {
      await mkdir(temporary);
      const sha256 = await copyAll(blobs, sources, temporary, maxBytes);
      if (await isFile(join(temporary, MODEL_FILE))) await checkOnnx(temporary, MODEL_FILE);
      const modelDir = join(modelsRoot, sha256);
      await moveWhole(temporary, modelDir);
      await flushFolder(modelsRoot);
      const copy = await this.#prepared(modelDir);
      return { ...(compile === "auto" ? await this.#compiled(copy) : copy), sha256 };
    } catch (error) {
      throw asModelError(error, artifactPath);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** What it takes to load a copy: for Python the environment, and an example to check it by. */
  async #prepared(modelDir: string): Promise<ModelCopy> {
    if (await isFile(join(modelDir, MODEL_FILE))) return { modelDir, format: "onnx" };
    const { environments } = this.#deps;
    if (environments === undefined)
      throw new SlipwayError("MODEL_MISSING", "the model is one for Python, which isn't served here");
    const python = await environments.prepare(modelDir);
    await ensurePythonContract(modelDir, python, (text) => environments.log(modelDir, text));
    return { modelDir, format: "python", python };
  }

  /** What runs instead of a model in Python, where that is proven to be the same. */
  async #compiled(copy: ModelCopy): Promise<ModelCopy> {
    const { modelDir, python } = copy;
    const { compiler } = this.#deps;
    if (python === undefined || compiler === undefined) return copy;
    const compiled = (await readVerdict(modelDir)) ?? (await compiler.compile(modelDir, python));
    if (!compiled.isProven) return { ...copy, compiled };
    return { modelDir: compiledDir(modelDir), format: "onnx", compiled };
  }
}

/** Every file below the folder, by its path below it; MODEL_TOO_LARGE beyond the limits. */
async function listFiles(
  blobs: BlobStore,
  root: string,
  { maxFiles, maxBytes }: { maxFiles: number; maxBytes: number },
): Promise<string[]> {
  const files: string[] = [];
  const folders = [root];
  let entries = 0;
  let bytes = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await blobs.list(folder)) {
      if (++entries > maxFiles) {
        throw new SlipwayError("MODEL_TOO_LARGE", `the model's folder ${root} holds too many files`, {
          where: root,
          allowed: `${maxFiles} files and folders`,
        });
      }
      if (entry.isDir) folders.push(entry.path);
      else {
        files.push(entry.path.slice(root.length + 1));
        bytes += entry.size;
      }
      if (bytes > maxBytes) throw tooManyBytes(root, bytes, maxBytes);
    }
  }
  return files.sort();
}

function tooManyBytes(where: string, bytes: number, maxBytes: number): SlipwayError {
  return new SlipwayError("MODEL_TOO_LARGE", `the model's folder has more than ${maxBytes} bytes`, {
    where,
    given: `${bytes} bytes`,
    allowed: `${maxBytes} bytes`,
  });
}

/** Copies and flushes every file; answers the hash of the whole: of `<sha256>  <path>` lines in order of path. */
async function copyAll(
  blobs: BlobStore,
  sources: readonly ModelSource[],
  folder: string,
  maxBytes: number,
): Promise<string> {
  const whole = createHash("sha256");
  const folders = new Set([folder]);
  let bytes = 0;
  for (const { from, to } of [...sources].sort((a, b) => (a.to < b.to ? -1 : 1))) {
    const target = join(folder, to);
    await mkdir(dirname(target), { recursive: true });
    for (let above = dirname(target); above.length > folder.length; above = dirname(above))
      folders.add(above);
    const { body } = await blobs.get(from);
    const copied = await copyFlushed(body, target, maxBytes - bytes);
    // A file that has grown since it was listed.
    if (copied === undefined) throw tooManyBytes(from, maxBytes + 1, maxBytes);
    bytes += copied.bytes;
    whole.update(`${copied.sha256}  ${to}\n`);
  }
  for (const made of folders) await flushFolder(made);
  return whole.digest("hex");
}

async function copyFlushed(
  body: Readable,
  target: string,
  maxBytes: number,
): Promise<{ bytes: number; sha256: string } | undefined> {
  const hash = createHash("sha256");
  let bytes = 0;
  // Read-only: what a worker loads can't change under it.
  const file = await open(target, "wx", 0o444);
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return undefined;
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Renames a finished copy to its place. The same content may be there already: then that one stays. */
async function moveWhole(temporary: string, modelDir: string): Promise<void> {
  try {
    await rename(temporary, modelDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!(await isWhole(modelDir)) || (code !== "ENOTEMPTY" && code !== "EEXIST")) throw error;
  }
}

/** A copy appears whole or not at all, so one of its files tells of all. */
export async function isWhole(modelDir: string): Promise<boolean> {
  return (await isFile(join(modelDir, MODEL_FILE))) || isFile(join(modelDir, MLFLOW_FILE));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asModelError(error: unknown, artifactPath: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof SlipwayError) {
    // Deleted between the listing and the copy.
    if (error.code !== "NOT_FOUND") return error;
    return new SlipwayError(
      "MODEL_MISSING",
      `${artifactPath} changed while it was copied: ${error.message}`,
      {
        where: artifactPath,
        cause: error,
      },
    );
  }
  if (code === "ENOSPC" || code === "EDQUOT")
    return new SlipwayError("STORE_FULL", "no room for a copy of the model", { cause: error });
  return error;
}
