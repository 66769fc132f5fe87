import { createAssessment, deleteAssessment, updateAssessment } from "./assessments/commands.ts";
import { deleteTraces } from "./delete-command.ts";
import { linkPromptsToTrace, linkTracesToRun } from "./link-commands.ts";
import { logSpans } from "./log-spans.ts";
import { endOldTrace, startOldTrace, startTrace } from "./start-commands.ts";
import { setTraceTag } from "./tag-commands.ts";

/** Everything that traces write, for the writer's thread. */
export const traceCommands = [
  logSpans,
  startTrace,
  startOldTrace,
  endOldTrace,
  setTraceTag,
  deleteTraces,
  linkTracesToRun,
  linkPromptsToTrace,
  createAssessment,
  updateAssessment,
  deleteAssessment,
];
