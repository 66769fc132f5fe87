import { markExperiments, markModels, markRuns, markTraces } from "./mark-commands.ts";
import { sweepRows } from "./sweep-command.ts";

/** For the writer's thread. */
export const gcCommands = [markRuns, markModels, markTraces, markExperiments, sweepRows];
