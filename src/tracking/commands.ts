import { evaluationDatasetCommands } from "./evaluation-datasets/commands.ts";
import { experimentCommands } from "./experiments/commands.ts";
import { logInputs, logOutputs } from "./inputs/commands.ts";
import { createLoggedModel, deleteModelTag, logToModel, updateLoggedModel } from "./models/commands.ts";
import { noteModelVersion } from "./models/model-versions.ts";
import { runCommands } from "./runs/commands.ts";
import { logToRun } from "./runs/log.ts";
import { scorerCommands } from "./scorers/commands.ts";
import { deleteRunTag } from "./tags/commands.ts";
import { traceCommands } from "./traces/commands.ts";

/** Everything that tracking writes, for the writer's thread. */
export const commands = [
  ...experimentCommands,
  ...runCommands,
  logToRun,
  deleteRunTag,
  logInputs,
  logOutputs,
  createLoggedModel,
  updateLoggedModel,
  logToModel,
  deleteModelTag,
  noteModelVersion,
  ...evaluationDatasetCommands,
  ...scorerCommands,
  ...traceCommands,
];
