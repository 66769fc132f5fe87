import type { Command } from "../store/database.ts";
import { actByHand } from "./commands/by-hand.ts";
import { acceptLabels, ingestPredictions, pruneLabels } from "./commands/labels.ts";
import { saveLook } from "./commands/looks.ts";
import { shiftTimers } from "./commands/timers.ts";
import {
  projectCommit,
  recordAliases,
  recordDivergence,
  recordIntent,
  supersedeIntent,
} from "./commands/projection.ts";
import {
  beginChecking,
  clearOutbox,
  endRollout,
  holdRollout,
  recordContract,
  recordProblem,
  recordStop,
  requestRollout,
} from "./commands/requests.ts";
import { claimService } from "./service-owners.ts";

/** Every write of the rollouts, for the writer's thread. */
export const rolloutCommands: readonly Command<never, unknown>[] = [
  claimService,
  requestRollout,
  beginChecking,
  recordContract,
  endRollout,
  holdRollout,
  recordStop,
  recordProblem,
  clearOutbox,
  recordIntent,
  supersedeIntent,
  projectCommit,
  recordDivergence,
  recordAliases,
  actByHand,
  saveLook,
  shiftTimers,
  acceptLabels,
  ingestPredictions,
  pruneLabels,
];
