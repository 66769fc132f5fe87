import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { SlipwayError } from "../../../../http/errors.ts";

/** Full path of a command as a shell would find it, or undefined. */
export function findTool(name: string, path: string | undefined): string | undefined {
  for (const folder of (path ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Like findTool, but a missing one is ENVIRONMENT_TOOL_MISSING. */
export function needTool(name: string, path: string | undefined, what: string): string {
  const file = findTool(name, path);
  if (file === undefined)
    throw new SlipwayError("ENVIRONMENT_TOOL_MISSING", `${what} needs ${name}, which isn't on the PATH`);
  return file;
}

/** SHA-256 over parts that can't run into each other. */
export function hashOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest("hex");
}

/** Changes when the tool is replaced by another version; asks the file, since starting an interpreter takes long. */
export function toolMark(name: string, path: string | undefined): string {
  const file = findTool(name, path);
  if (file === undefined) return `${name}: none`;
  const real = realpathSync(file);
  const info = statSync(real);
  return `${name}: ${real} ${info.size} ${info.mtimeMs}`;
}

const run = promisify(execFile);

/** First line that `<tool> <args>` prints; ENVIRONMENT_TOOL_MISSING when it can't be run. */
export async function toolVersion(
  file: string,
  args: string[],
  env: Record<string, string>,
): Promise<string> {
  try {
    const { stdout } = await run(file, args, { env, timeout: 30_000 });
    return stdout.trim();
  } catch (error) {
    throw new SlipwayError("ENVIRONMENT_TOOL_MISSING", `${file} ${args.join(" ")} failed`, { cause: error });
  }
}
