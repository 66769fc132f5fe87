import type { Http } from "./http.ts";
import type { FileEntry } from "./messages.ts";
import { SourceError } from "./source-error.ts";

/** The files of a run, a logged model or a trace on the old server. */
export interface FileTree {
  /** Every file, folder by folder. */
  files(): AsyncIterable<FileEntry>;
  open(path: string): Promise<Response>;
}

interface Listed {
  path: string;
  is_dir?: boolean;
  file_size?: number | string;
}

type ListFolder = (folder: string) => Promise<Listed[]>;
type Json = <Answer>(path: string, query: Record<string, string>) => Promise<Answer>;

/** Folders within each other beyond which a listing turns in a circle. */
const DEEPEST = 64;

/** Files that the server hands on by their path below its artifact root (`mlflow-artifacts:/…`). */
export function proxiedTree(http: Http, json: Json, root: string): FileTree {
  const prefix = "/api/2.0/mlflow-artifacts/artifacts";
  const list: ListFolder = async (folder) => {
    const path = folder === "" ? root : `${root}/${folder}`;
    const { files = [] } = await json<{ files?: Listed[] }>(prefix, { path });
    // Names alone; of a folder that isn't there nothing.
    return files.map((file) => ({
      ...file,
      path: `${folder === "" ? "" : `${folder}/`}${nameOf(file.path)}`,
    }));
  };
  return {
    files: () => walk(list),
    open: (path) => http.open(`${prefix}/${encoded(`${root}/${path}`)}`),
  };
}

/** Files in a store of the server's own, of which it gives out what belongs to a run or a logged model. */
export function ownedTree(http: Http, json: Json, kind: "run" | "logged-model", id: string): FileTree {
  const model = `/mlflow/logged-models/${encodeURIComponent(id)}/artifacts`;
  const list: ListFolder = async (folder) => {
    const { files = [] } =
      kind === "run"
        ? await json<{ files?: Listed[] }>("/api/2.0/mlflow/artifacts/list", { run_id: id, path: folder })
        : await json<{ files?: Listed[] }>(`/api/2.0${model}/directories`, {
            artifact_directory_path: folder,
          });
    return files;
  };
  return {
    files: () => walk(list),
    open: (path) =>
      kind === "run"
        ? http.open("/get-artifact", { query: { run_id: id, run_uuid: id, path } })
        : http.open(`/ajax-api/2.0${model}/files`, { query: { artifact_file_path: path } }),
  };
}

/** Of a trace whose files lie in the server's own store it gives out the one with its spans. */
export function traceTree(http: Http, id: string): FileTree {
  return {
    async *files() {
      yield { path: "traces.json", size: undefined };
    },
    open: () => http.open("/ajax-api/2.0/mlflow/get-trace-artifact", { query: { request_id: id } }),
  };
}

/** Path below the artifact root of a URI that the server's proxy serves; undefined for other URIs. */
export function proxiedPath(uri: string): string | undefined {
  return /^mlflow-artifacts:(?:\/\/[^/]*)?\/*([^?#]*)$/.exec(uri)?.[1]?.replace(/\/$/, "");
}

async function* walk(list: ListFolder): AsyncGenerator<FileEntry> {
  const waiting = [""];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const { path, is_dir: isFolder, file_size: size } of await listed(list, folder)) {
      if (isFolder !== true) yield { path, size: size === undefined ? undefined : Number(size) };
      else if (path !== folder && path.split("/").length < DEEPEST) waiting.push(path);
    }
  }
}

async function listed(list: ListFolder, folder: string): Promise<Listed[]> {
  try {
    return await list(folder);
  } catch (error) {
    if (error instanceof SourceError && error.status === 404 && !error.isUnknownCall) return [];
    throw error;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function encoded(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
