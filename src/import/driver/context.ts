import { SlipwayError } from "../../http/errors.ts";
import type { FileKind, Kind } from "../kinds.ts";
import type { FileTree } from "./file-tree.ts";
import type { FileEntry } from "./messages.ts";
import type { MlflowSource } from "./mlflow-source.ts";
import type { Platform } from "./platform.ts";
import { SourceError } from "./source-error.ts";
import type { Problem, Tally } from "./tally.ts";

/** What every part of an import works with. */
export interface ImportContext {
  source: MlflowSource;
  platform: Platform;
  tally: Tally;
  options: ImportOptions;
  /** Whether it is there already, as it is here, by another way: nothing of it is sent. */
  isThere?: (kind: Kind, id: string) => boolean;
  /** Has the platform take a file from another of its places; false: it has none with these bytes. */
  takesSame?: (kind: FileKind, ownerId: string, tree: FileTree, file: FileEntry) => Promise<boolean>;
}

export interface ImportOptions {
  /** Names of experiments; empty: all. */
  experiments: readonly string[];
  /** Says how much there is, and writes nothing. */
  isDryRun: boolean;
  /** Reads also what is here and looks unchanged. */
  isRecheck: boolean;
  withArtifacts: boolean;
  /** Things that are brought at one time. */
  jobs: number;
}

/** What one thing may fail by while the others go on. Everything else ends the import: it can't get better. */
const OF_ONE: ReadonlySet<string> = new Set([
  "IMPORT_CONFLICT",
  "IMPORT_MISMATCH",
  "IMPORT_SOURCE_UNEXPECTED",
  "INVALID_REQUEST",
  "TOO_LARGE",
  "BLOB_PATH_REFUSED",
  "NOT_FOUND",
  "TRACE_SPAN_INVALID",
  "MLFLOW_INVALID_PARAMETER_VALUE",
  "MLFLOW_RESOURCE_DOES_NOT_EXIST",
]);

/** Notes why one thing wasn't brought, or throws what ends the import. */
export function noteFailure(tally: Tally, about: Omit<Problem, "why">, error: unknown): void {
  if (error instanceof SourceError)
    return tally.problem({ ...about, why: `the old server answered ${error.status}: ${error.message}` });
  if (!(error instanceof SlipwayError) || !OF_ONE.has(error.code)) throw error;
  const { where, given } = error.facts;
  const facts = [where, given].filter((fact) => fact !== undefined && fact !== "").join(", ");
  tally.problem({ ...about, why: `${error.message}${facts === "" ? "" : ` (${facts})`}` });
}
