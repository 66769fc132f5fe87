import { setAlias } from "./alias-commands.ts";
import { modelCommands } from "./model-commands.ts";
import { versionCommands } from "./version-commands.ts";
import { webhookCommands } from "./webhooks/commands.ts";

/** Everything that the registry writes, for the writer's thread. */
export const commands = [...modelCommands, ...versionCommands, setAlias, ...webhookCommands];
