import type { Invocation } from "../base/invocation.ts";
import type { UpOptions } from "../cli/up-options.ts";
import { SlipwayError } from "../http/errors.ts";

/** Runs the platform until it is told to end; answers the exit code. */
export async function runUp(_invocation: Invocation, _options: UpOptions): Promise<number> {
  throw new SlipwayError("NOT_BUILT_YET", "the platform can't be started yet");
}
