import { gcCommands } from "../gc/commands.ts";
import { gitCommands } from "../git/commands.ts";
import { historyCommands } from "../history/record-commands.ts";
import { importCommands } from "../import/commands.ts";
import { pipelineCommands } from "../pipelines/commands.ts";
import { pushCommands } from "../push/commands.ts";
import { commands as registryCommands } from "../registry/commands.ts";
import { rolloutCommands } from "../rollout/commands.ts";
import { goneCountsCommands } from "../serving/gone-counts.ts";
import { commands as eventCommands } from "../store/events.ts";
import { ownerCommands } from "../store/owner.ts";
import { runWriterThread } from "../store/sqlite/writer.ts";
import { tenancyCommands } from "../tenancy/commands.ts";
import { commands as trackingCommands } from "../tracking/commands.ts";

runWriterThread([
  ...ownerCommands,
  ...eventCommands,
  ...trackingCommands,
  ...registryCommands,
  ...gitCommands,
  ...pipelineCommands,
  ...rolloutCommands,
  ...tenancyCommands,
  ...importCommands,
  ...pushCommands,
  ...gcCommands,
  ...historyCommands,
  ...goneCountsCommands,
]);
