import { posix } from "node:path";
import { parse } from "yaml";
import { SlipwayError } from "../http/errors.ts";
import type { BlobStore } from "../store/blobs.ts";

/** What a model's file is called in every copy. */
export const MODEL_FILE = "model.onnx";
const MAX_MLMODEL_BYTES = 1024 * 1024;
const MAX_NAMED = 20;

export interface ModelSource {
  /** Path in the blob store. */
  from: string;
  /** Path in the copy. */
  to: string;
}

/**
 * Which file of a logged folder becomes which file of the copy. The model is `model.onnx`, else what the `onnx` flavour
 * in MLflow's `MLmodel` names, else the only `*.onnx` file. It becomes `model.onnx`; when it lies in a folder, the files
 * beside it move with it, because a model names its external data relative to itself. MODEL_MISSING lists what is there.
 */
export async function layOut(
  blobs: BlobStore,
  artifactPath: string,
  files: readonly string[],
): Promise<ModelSource[]> {
  const model = await findModel(blobs, artifactPath, files);
  const beside = posix.dirname(model) === "." ? "" : `${posix.dirname(model)}/`;
  const taken = new Set([...files.filter((file) => !file.startsWith(beside)), MODEL_FILE]);
  return files.map((file) => {
    const moved = file.slice(beside.length);
    const canMove = beside !== "" && file.startsWith(beside) && !taken.has(moved);
    return { from: `${artifactPath}/${file}`, to: file === model ? MODEL_FILE : canMove ? moved : file };
  });
}

async function findModel(blobs: BlobStore, artifactPath: string, files: readonly string[]): Promise<string> {
  if (files.includes(MODEL_FILE)) return MODEL_FILE;
  const named = files.includes("MLmodel") ? await namedByMlflow(blobs, `${artifactPath}/MLmodel`) : undefined;
  if (named !== undefined && files.includes(named)) return named;
  const [only, ...others] = files.filter((file) => file.endsWith(".onnx"));
  if (only !== undefined && others.length === 0) return only;
  throw missing(artifactPath, files, others.length > 0);
}

/** The path that `MLmodel` gives below `flavors.onnx.data`. */
async function namedByMlflow(blobs: BlobStore, path: string): Promise<string | undefined> {
  const { body, size } = await blobs.get(path);
  if (size > MAX_MLMODEL_BYTES) {
    body.destroy();
    return undefined;
  }
  let text = "";
  for await (const chunk of body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString("utf8");
  try {
    const model = parse(text) as { flavors?: { onnx?: { data?: unknown } } } | null;
    const data = model?.flavors?.onnx?.data;
    return typeof data === "string" ? posix.normalize(data) : undefined;
  } catch {
    return undefined;
  }
}

function missing(artifactPath: string, files: readonly string[], isAmbiguous: boolean): SlipwayError {
  const more = files.length - MAX_NAMED;
  const held =
    files.length === 0
      ? "nothing is there"
      : `it holds ${files.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return new SlipwayError(
    "MODEL_MISSING",
    isAmbiguous
      ? `${artifactPath} has several *.onnx files and none is called model.onnx: ${held}`
      : `${artifactPath} has no model.onnx: ${held}`,
    { where: artifactPath, ...(isAmbiguous ? { hint: "Name the model to serve model.onnx." } : {}) },
  );
}
