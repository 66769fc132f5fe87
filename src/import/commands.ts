import { importExperiment } from "./experiments.ts";
import { beginImport, endImport, noteFile, noteItem } from "./items.ts";
import { importLoggedModel } from "./logged-models.ts";
import { importRegisteredModel } from "./registered-models.ts";
import { importMetrics, importRun } from "./runs.ts";
import { importTrace } from "./traces.ts";

/** Everything that an import writes, for the writer's thread. */
export const importCommands = [
  beginImport,
  endImport,
  noteItem,
  noteFile,
  importExperiment,
  importRun,
  importMetrics,
  importLoggedModel,
  importRegisteredModel,
  importTrace,
];
