import { runWriterThread } from "../store/sqlite/writer.ts";
import { commands as eventCommands } from "../store/events.ts";

runWriterThread([...eventCommands]);
