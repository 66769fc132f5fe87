import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import type { TestPlatform } from "./platform.ts";

/**
 * Runs a script of test/ (such as `python/mlflow_calls`) with the unchanged mlflow client against the platform; the
 * JSON object that it prints last. Without `python` it is the one of the tests' own environment.
 */
export async function runMlflowScript(
  platform: TestPlatform,
  name: string,
  env: Record<string, string> = {},
  {
    python = (ensurePython as () => string)(),
    timeout = 150_000,
  }: { python?: string; timeout?: number } = {},
): Promise<Record<string, unknown>> {
  const { app } = platform;
  const url = app.server.listening ? app.listeningOrigin : await app.listen({ host: "127.0.0.1", port: 0 });
  const work = await mkdtemp(join(platform.folder, "work-"));
  const file = name.includes("/") ? `../${name}.py` : `../python/${name}.py`;
  const script = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script], {
    cwd: work,
    timeout,
    maxBuffer: 16 * 1024 * 1024,
    env: {
      PATH: [join(python, ".."), "/usr/bin", "/bin"].join(delimiter),
      HOME: work,
      MLFLOW_TRACKING_URI: url,
      MLFLOW_DISABLE_TELEMETRY: "true",
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: "0",
      GIT_PYTHON_REFRESH: "quiet",
      ...env,
    },
  });
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1)) as Record<string, unknown>;
}
