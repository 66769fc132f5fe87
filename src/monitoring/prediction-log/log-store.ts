import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listLogFiles, listServiceFolders, parseLogFile } from "./log-files.ts";
import type { LogFile } from "./log-files.ts";

/** Where the Parquet files of the prediction log are kept. A service is named by its folder. */
export interface LogStore {
  /** Of all services that have files. */
  folders(): Promise<string[]>;
  /** The files of a service, oldest first. */
  files(folder: string): Promise<LogFile[]>;
  /** Where one can be read on this machine; undefined: there is none of that name. */
  path(folder: string, name: string): Promise<string | undefined>;
  /** No error when it is gone. */
  remove(folder: string, name: string): Promise<void>;
}

/** Files below a folder of this machine. */
export function folderLogStore(root: string): LogStore {
  const files = (folder: string) => listLogFiles(root, folder);
  return {
    files,
    folders: () => listServiceFolders(root),
    async path(folder, name) {
      const known = parseLogFile(name) && (await files(folder)).some((file) => file.name === name);
      return known === true ? join(root, folder, name) : undefined;
    },
    async remove(folder, name) {
      const path = join(root, folder, name);
      await rm(path, { force: true });
      // Only when it was the last of its day.
      await rmdir(dirname(path)).catch(() => undefined);
    },
  };
}
