import { setPriority } from "node:os";
import type { Invocation } from "../base/invocation.ts";
import { proveCandidates } from "../serving/compile/prove.ts";

/** Below everything that serves. */
const NICE = 10;

/**
 * `__role prove <folder>`: compares compiled models with their original (serving/compile/prove.ts) and writes the proof
 * as JSON to its standard output. A process of its own, because native code reads a file that was just made.
 */
export async function proveRole(invocation: Invocation): Promise<void> {
  const [, , jobDir] = invocation.argv;
  if (jobDir === undefined) throw new Error("prove needs a folder");
  process.title = "slipway prove";
  setPriority(NICE);
  process.stdout.write(JSON.stringify(await proveCandidates(jobDir)));
}
