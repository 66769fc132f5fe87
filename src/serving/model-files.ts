import { posix } from "node:path";
import { parse } from "yaml";
import { SlipwayError } from "../http/errors.ts";
import type { BlobStore } from "../store/blobs.ts";

/** What an ONNX model's file is called in every copy. */
export const MODEL_FILE = "model.onnx";
/** MLflow's description of a model: its flavours, its signature, its environment. */
export const MLFLOW_FILE = "MLmodel";
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
 * in MLflow's `MLmodel` names; else an `MLmodel` with the `python_function` flavour is one for Python, whose files stay
 * as they are; else the only `*.onnx` file is the model. An ONNX file becomes `model.onnx`; when it lies in a folder, the files
 * beside it move with it, because a model names its external data relative to itself. MODEL_MISSING lists what is there.
 */
export async function layOut(
  blobs: BlobStore,
  artifactPath: string,
  files: readonly string[],
): Promise<ModelSource[]> {
  const model = await findModel(blobs, artifactPath, files);
  if (model === undefined) return files.map((file) => ({ from: `${artifactPath}/${file}`, to: file }));
  const beside = posix.dirname(model) === "." ? "" : `${posix.dirname(model)}/`;
  const taken = new Set([...files.filter((file) => !file.startsWith(beside)), MODEL_FILE]);
  return files.map((file) => {
    const moved = file.slice(beside.length);
    const canMove = beside !== "" && file.startsWith(beside) && !taken.has(moved);
    return { from: `${artifactPath}/${file}`, to: file === model ? MODEL_FILE : canMove ? moved : file };
  });
}

/** The ONNX file; undefined for a model in Python. */
async function findModel(
  blobs: BlobStore,
  artifactPath: string,
  files: readonly string[],
): Promise<string | undefined> {
  if (files.includes(MODEL_FILE)) return MODEL_FILE;
  const flavors = files.includes(MLFLOW_FILE) ? await flavorsOf(blobs, `${artifactPath}/${MLFLOW_FILE}`) : {};
  const data = flavors["onnx"]?.["data"];
  const named = typeof data === "string" ? posix.normalize(data) : undefined;
  if (named !== undefined && files.includes(named)) return named;
  if (flavors["python_function"] !== undefined) return undefined;
  const [only, ...others] = files.filter((file) => file.endsWith(".onnx"));
  if (only !== undefined && others.length === 0) return only;
  throw missing(artifactPath, files, others.length > 0);
}

type Flavors = Record<string, Record<string, unknown>>;

/** `flavors` of an `MLmodel`; none of one that can't be read. */
async function flavorsOf(blobs: BlobStore, path: string): Promise<Flavors> {
  const { body, size } = await blobs.get(path);
  if (size > MAX_MLMODEL_BYTES) {
    body.destroy();
    return {};
  }
  let text = "";
  for await (const chunk of body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString("utf8");
  try {
    const model = parse(text) as { flavors?: Flavors | null } | null;
    return model?.flavors ?? {};
  } catch {
    return {};
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
      : `${artifactPath} has neither a model.onnx nor an MLmodel with the python_function flavour: ${held}`,
    { where: artifactPath, ...(isAmbiguous ? { hint: "Name the model to serve model.onnx." } : {}) },
  );
}
