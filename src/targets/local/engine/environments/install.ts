import type { EnvironmentRequest } from "../../../../pipelines/environments.ts";
import { SlipwayError } from "../../../../http/errors.ts";

/** Runs one installer; ENVIRONMENT_BUILD_FAILED carries its last lines. */
export async function install(
  request: EnvironmentRequest,
  what: string,
  command: Parameters<EnvironmentRequest["execute"]>[0],
): Promise<void> {
  const { code, signal, lastLines } = await request.execute(command);
  if (code === 0) return;
  request.signal.throwIfAborted();
  const tool = command.file.split("/").at(-1);
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  throw new SlipwayError(
    "ENVIRONMENT_BUILD_FAILED",
    `installing ${what} failed: ${tool} ${command.args.slice(0, 2).join(" ")} ended with ${how}: ${lastLines.join(" / ")}`,
    { details: { lastLines } },
  );
}
