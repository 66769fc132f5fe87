import type { BlobStore } from "../../store/blobs.ts";
import { requestedPath, joinUri } from "./uri.ts";
import { invalid } from "../wire/errors.ts";

interface Listing {
  /** Of the run or model. */
  uri: string;
  /** The same below the artifact root; undefined when its artifacts lie elsewhere. */
  root: string | undefined;
  /** Relative to it; "" is the root itself. */
  folder: string;
}

/** MLflow's `artifacts/list`: direct children with paths relative to the run or model. */
export async function listArtifacts(blobs: BlobStore, { uri, root, folder }: Listing): Promise<object> {
  if (root === undefined) throw invalid(`The artifacts of '${uri}' are listed at their own store.`);
  const below = folder === "" ? root : joinUri(root, requestedPath(folder.replace(/\/$/, "")));
  const children = await blobs.list(below);
  return {
    root_uri: uri,
    files: children.map(({ path, isDir, size }) => ({
      path: path.slice(root.length + 1),
      is_dir: isDir,
      ...(isDir ? {} : { file_size: size }),
    })),
  };
}
